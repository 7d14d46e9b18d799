"""FastAPI with SQLModel, as their documentations recommend.

A session a request by a dependency, response models, plain functions in FastAPI's pool of threads;
relations are loaded eagerly.
"""

import hashlib
import os
from typing import Annotated, Literal

import sqlalchemy as sa
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from pydantic import EmailStr
from sqlalchemy.orm import joinedload, selectinload
from sqlmodel import Field, Session, SQLModel, col, create_engine, func, select

from .sqlmodel_models import Category, Client, ClientTag, Tag, User, now

Title = Annotated[str, Field(min_length=1, max_length=100)]
Status = Literal["active", "suspended"]
RELATIONS = (
    joinedload(Client.category),
    joinedload(Client.owner),
    selectinload(Client.tag_links).joinedload(ClientTag.tag),
)


class RefPublic(SQLModel):
    id: int
    name: str


class ShippingPublic(SQLModel):
    street: str | None
    city: str | None
    state: str | None
    zip: str | None
    country: str | None


class BillingPublic(ShippingPublic):
    invoice_due_days: int | None


class DatesPublic(SQLModel):
    created: str
    updated: str


class ClientPublic(SQLModel):
    id: int
    company_name: str
    description: str | None
    status: str
    phone: str | None
    website: str | None
    vat: str | None
    category: RefPublic
    owner: RefPublic | None
    billing: BillingPublic
    shipping: ShippingPublic
    dates: DatesPublic
    tags: list[str]


class PagePublic(SQLModel):
    current_page: int
    per_page: int
    total: int
    last_page: int


class CursorPublic(SQLModel):
    per_page: int
    next_cursor: str | None


class Answer(SQLModel):
    data: ClientPublic
    message: str


class ListAnswer(SQLModel):
    data: list[ClientPublic]
    meta: PagePublic | CursorPublic
    message: str = "Clients retrieved successfully."


class ClientCreate(SQLModel):
    first_name: Title
    last_name: Title
    email: EmailStr
    client_company_name: Annotated[str, Field(max_length=150)]
    client_phone: str | None = None
    client_billing_city: str | None = None
    client_billing_country: str | None = None
    tags: list[Title] = []


class StatusChange(SQLModel):
    status: Status


class TagsChange(SQLModel):
    tags: list[Title]


engine = create_engine(
    f"sqlite:///{os.environ['BENCHMARK_DATABASE']}",
    connect_args={"check_same_thread": False, "timeout": 10},
    pool_size=40,  # as many as FastAPI has threads
)


@sa.event.listens_for(engine, "connect")
def set_pragmas(connection, record):
    connection.execute("PRAGMA journal_mode = wal")
    connection.execute(f"PRAGMA synchronous = {os.environ['BENCHMARK_SYNCHRONOUS']}")
    connection.execute("PRAGMA foreign_keys = 1")


def get_session():
    with Session(engine) as session:
        yield session


SessionDep = Annotated[Session, Depends(get_session)]
app = FastAPI()


def find(session: Session, id: int, relations=()) -> Client:
    client = session.get(Client, id, options=relations)
    if client is None:
        raise HTTPException(404, "The client could not be found.")
    return client


def set_tags(session: Session, client: Client, titles: list[str]) -> None:
    session.exec(sa.delete(ClientTag).where(ClientTag.client_id == client.id))
    keys = [title.casefold() for title in titles]
    known = session.exec(select(Tag).where(col(Tag.title_key).in_(keys)))
    tags = {tag.title_key: tag for tag in known}
    for position, (key, title) in enumerate(zip(keys, titles, strict=True)):
        tag = tags.get(key) or Tag(title=title, title_key=key)
        session.add(ClientTag(client_id=client.id, tag=tag, position=position))


@app.get("/api/clients", response_model=ListAnswer)
def list_clients(
    session: SessionDep,
    page: Annotated[int, Field(ge=1)] = 1,
    limit: Annotated[int, Field(ge=1, le=100)] = 25,
    cursor: str | None = None,
    status: Status | None = None,
    search: str | None = None,
    order: Literal["asc", "desc"] = "desc",
):
    """List clients."""
    conditions = []
    if status:
        conditions.append(Client.status == status)
    if search:
        conditions.append(col(Client.name_key).contains(search.casefold(), autoescape=True))
    way = sa.desc if order == "desc" else sa.asc
    ordered = select(Client).where(*conditions).order_by(way(Client.created), way(Client.id))
    ordered = ordered.options(*RELATIONS)
    if cursor:
        created, id = cursor.split(",")
        here, last = sa.tuple_(Client.created, Client.id), sa.tuple_(created, int(id))
        ordered = ordered.where(here < last if order == "desc" else here > last)
        rows = session.exec(ordered.limit(limit + 1)).all()
        more = len(rows) > limit
        rows = rows[:limit]
        following = f"{rows[-1].created},{rows[-1].id}" if more else None
        return {"data": rows, "meta": {"per_page": limit, "next_cursor": following}}
    total = session.exec(select(func.count()).select_from(Client).where(*conditions)).one()
    rows = session.exec(ordered.offset((page - 1) * limit).limit(limit)).all()
    meta = {"current_page": page, "per_page": limit, "total": total}
    return {"data": rows, "meta": meta | {"last_page": max(1, -(-total // limit))}}


@app.get("/api/clients/{id}", response_model=Answer)
def get_client(session: SessionDep, id: int, request: Request, response: Response):
    """Get a client."""
    client = find(session, id, RELATIONS)
    text = ClientPublic.model_validate(client).model_dump_json()
    tag = f'"{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}"'
    if request.headers.get("If-None-Match") == tag:
        return Response(status_code=304, headers={"ETag": tag})
    response.headers["ETag"] = tag
    return {"data": client, "message": "Client retrieved successfully."}


@app.post("/api/clients", response_model=Answer, status_code=201)
def create_client(session: SessionDep, body: ClientCreate):
    """Create a client and its owner."""
    default = select(Category).where(Category.system_default == "yes")
    client = Client(
        company_name=body.client_company_name,
        name_key=body.client_company_name.casefold(),
        phone=body.client_phone,
        billing_city=body.client_billing_city,
        billing_country=body.client_billing_country,
        category=session.exec(default).one(),
    )
    client.owner = User(
        first_name=body.first_name,
        first_name_key=body.first_name.casefold(),
        last_name=body.last_name,
        last_name_key=body.last_name.casefold(),
        email=body.email,
        email_key=body.email.casefold(),
    )
    session.add(client)
    try:
        session.flush()
        set_tags(session, client, body.tags)
        session.commit()
    except sa.exc.IntegrityError as error:
        raise HTTPException(422, "The email has already been taken.") from error
    return {"data": find(session, client.id, RELATIONS), "message": "Client created successfully."}


@app.put("/api/clients/{id}/status", response_model=Answer)
def set_status(session: SessionDep, id: int, body: StatusChange):
    """Make a client active or suspended."""
    client = find(session, id)
    client.status, client.updated = body.status, now()
    session.commit()
    return {"data": find(session, id, RELATIONS), "message": "Client status updated successfully."}


@app.put("/api/clients/{id}/tags", response_model=Answer)
def put_tags(session: SessionDep, id: int, body: TagsChange):
    """Replace the tags of a client."""
    client = find(session, id)
    set_tags(session, client, body.tags)
    client.updated = now()
    session.commit()
    return {"data": find(session, id, RELATIONS), "message": "Client tags updated successfully."}
