"""Flask with Flask-SQLAlchemy and flask-smorest, as their documentations recommend.

The session is one a request, relations are loaded eagerly; flask-smorest validates, shapes and
makes ETags.
"""

import os

import marshmallow as ma
import sqlalchemy as sa
from flask import Flask
from flask.views import MethodView
from flask_smorest import Api, Blueprint, abort
from sqlalchemy.orm import joinedload, selectinload

from .flask_models import Category, Client, ClientTag, Tag, User, db, now

blp = Blueprint("clients", __name__, url_prefix="/api/clients")
RELATIONS = (
    joinedload(Client.category),
    joinedload(Client.owner),
    selectinload(Client.tag_links).joinedload(ClientTag.tag),
)


class RefSchema(ma.Schema):
    id = ma.fields.Integer()
    name = ma.fields.String()


class ShippingSchema(ma.Schema):
    street = ma.fields.String(attribute="shipping_street")
    city = ma.fields.String(attribute="shipping_city")
    state = ma.fields.String(attribute="shipping_state")
    zip = ma.fields.String(attribute="shipping_zip")
    country = ma.fields.String(attribute="shipping_country")


class BillingSchema(ma.Schema):
    street = ma.fields.String(attribute="billing_street")
    city = ma.fields.String(attribute="billing_city")
    state = ma.fields.String(attribute="billing_state")
    zip = ma.fields.String(attribute="billing_zip")
    country = ma.fields.String(attribute="billing_country")
    invoice_due_days = ma.fields.Integer(attribute="billing_invoice_due_days")


class DatesSchema(ma.Schema):
    created = ma.fields.String()
    updated = ma.fields.String()


class ClientSchema(ma.Schema):
    id = ma.fields.Integer()
    company_name = ma.fields.String()
    description = ma.fields.String()
    status = ma.fields.String()
    phone = ma.fields.String()
    website = ma.fields.String()
    vat = ma.fields.String()
    category = ma.fields.Nested(RefSchema)
    owner = ma.fields.Nested(RefSchema)
    billing = ma.fields.Nested(BillingSchema)
    shipping = ma.fields.Nested(ShippingSchema)
    dates = ma.fields.Nested(DatesSchema)
    tags = ma.fields.List(ma.fields.String())


class MetaSchema(ma.Schema):
    current_page = ma.fields.Integer()
    per_page = ma.fields.Integer()
    total = ma.fields.Integer()
    last_page = ma.fields.Integer()
    next_cursor = ma.fields.String()


class AnswerSchema(ma.Schema):
    data = ma.fields.Nested(ClientSchema)
    message = ma.fields.String()


class ListAnswerSchema(ma.Schema):
    data = ma.fields.List(ma.fields.Nested(ClientSchema))
    meta = ma.fields.Nested(MetaSchema)
    message = ma.fields.String()


class QuerySchema(ma.Schema):
    class Meta:
        unknown = ma.EXCLUDE

    page = ma.fields.Integer(load_default=1, validate=ma.validate.Range(min=1))
    limit = ma.fields.Integer(load_default=25, validate=ma.validate.Range(1, 100))
    cursor = ma.fields.String()
    status = ma.fields.String(validate=ma.validate.OneOf(("active", "suspended")))
    search = ma.fields.String()
    order = ma.fields.String(load_default="desc", validate=ma.validate.OneOf(("asc", "desc")))


class CreateSchema(ma.Schema):
    first_name = ma.fields.String(required=True, validate=ma.validate.Length(1, 100))
    last_name = ma.fields.String(required=True, validate=ma.validate.Length(1, 100))
    email = ma.fields.Email(required=True)
    company_name = ma.fields.String(required=True, data_key="client_company_name")
    phone = ma.fields.String(data_key="client_phone")
    billing_city = ma.fields.String(data_key="client_billing_city")
    billing_country = ma.fields.String(data_key="client_billing_country")
    tags = ma.fields.List(ma.fields.String(validate=ma.validate.Length(1, 100)))


class StatusSchema(ma.Schema):
    status = ma.fields.String(required=True, validate=ma.validate.OneOf(("active", "suspended")))


class TagsSchema(ma.Schema):
    tags = ma.fields.List(ma.fields.String(validate=ma.validate.Length(1, 100)), required=True)


def find(id):
    return db.get_or_404(Client, id, options=RELATIONS)


def listed(query):
    statement = sa.select(Client)
    if "status" in query:
        statement = statement.where(Client.status == query["status"])
    if "search" in query:
        key = query["search"].casefold()
        statement = statement.where(Client.name_key.contains(key, autoescape=True))
    way = sa.desc if query["order"] == "desc" else sa.asc
    ordered = statement.order_by(way(Client.created), way(Client.id)).options(*RELATIONS)
    limit = query["limit"]
    if "cursor" in query:
        created, id = query["cursor"].split(",")
        here, last = sa.tuple_(Client.created, Client.id), sa.tuple_(created, int(id))
        ordered = ordered.where(here < last if way is sa.desc else here > last)
        rows = db.session.scalars(ordered.limit(limit + 1)).all()
        more = len(rows) > limit
        rows = rows[:limit]
        cursor = f"{rows[-1].created},{rows[-1].id}" if more else None
        return rows, {"per_page": limit, "next_cursor": cursor}
    found = db.paginate(ordered, page=query["page"], per_page=limit, error_out=False)
    meta = {"current_page": found.page, "per_page": limit, "total": found.total}
    return found.items, meta | {"last_page": max(1, found.pages)}


def set_tags(client, titles):
    db.session.execute(sa.delete(ClientTag).where(ClientTag.client_id == client.id))
    keys = [title.casefold() for title in titles]
    known = db.session.scalars(sa.select(Tag).where(Tag.title_key.in_(keys)))
    tags = {tag.title_key: tag for tag in known}
    for position, (key, title) in enumerate(zip(keys, titles, strict=True)):
        tag = tags.get(key) or Tag(title=title, title_key=key)
        db.session.add(ClientTag(client_id=client.id, tag=tag, position=position))


@blp.route("")
class Clients(MethodView):
    @blp.arguments(QuerySchema, location="query")
    @blp.response(200, ListAnswerSchema)
    def get(self, query):
        """List clients."""
        rows, meta = listed(query)
        return {"data": rows, "meta": meta, "message": "Clients retrieved successfully."}

    @blp.arguments(CreateSchema)
    @blp.response(201, AnswerSchema)
    def post(self, body):
        """Create a client and its owner."""
        names = {name: body.pop(name) for name in ("first_name", "last_name", "email")}
        titles = body.pop("tags", ())
        default = sa.select(Category).where(Category.system_default == "yes")
        client = Client(**body, name_key=body["company_name"].casefold())
        client.category = db.session.scalars(default).one()
        keys = {f"{name}_key": value.casefold() for name, value in names.items()}
        client.owner = User(**names, **keys)
        db.session.add(client)
        try:
            db.session.flush()
            set_tags(client, titles)
            db.session.commit()
        except sa.exc.IntegrityError:
            abort(422, message="The email has already been taken.")
        return {"data": find(client.id), "message": "Client created successfully."}


@blp.route("/<int:id>")
class OneClient(MethodView):
    @blp.etag
    @blp.response(200, AnswerSchema)
    def get(self, id):
        """Get a client."""
        return {"data": find(id), "message": "Client retrieved successfully."}


@blp.put("/<int:id>/status")
@blp.arguments(StatusSchema)
@blp.response(200, AnswerSchema)
def set_status(body, id):
    """Make a client active or suspended."""
    client = db.get_or_404(Client, id)
    client.status = body["status"]
    client.updated = now()
    db.session.commit()
    return {"data": find(id), "message": "Client status updated successfully."}


@blp.put("/<int:id>/tags")
@blp.arguments(TagsSchema)
@blp.response(200, AnswerSchema)
def put_tags(body, id):
    """Replace the tags of a client."""
    client = db.get_or_404(Client, id)
    set_tags(client, body["tags"])
    client.updated = now()
    db.session.commit()
    return {"data": find(id), "message": "Client tags updated successfully."}


def set_pragmas(connection, record):
    connection.execute("PRAGMA journal_mode = wal")
    connection.execute(f"PRAGMA synchronous = {os.environ['BENCHMARK_SYNCHRONOUS']}")
    connection.execute("PRAGMA foreign_keys = 1")


def create_app():
    """Make the application."""
    app = Flask(__name__)
    app.config.update(
        API_TITLE="Clients",
        API_VERSION="1",
        OPENAPI_VERSION="3.1.0",
        SQLALCHEMY_DATABASE_URI=f"sqlite:///{os.environ['BENCHMARK_DATABASE']}",
        SQLALCHEMY_ENGINE_OPTIONS={"connect_args": {"timeout": 10}, "pool_size": 16},
    )
    db.init_app(app)
    with app.app_context():
        sa.event.listen(db.engine, "connect", set_pragmas)
    Api(app).register_blueprint(blp)
    return app


app = create_app()
