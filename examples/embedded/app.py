"""A small application with logins and a database of its own, and the clients API in it."""

from __future__ import annotations

import secrets
from pathlib import Path

import click
import flask
from flask.typing import ResponseReturnValue
from flask_login import (  # type: ignore[import-untyped]
    LoginManager,
    UserMixin,
    current_user,
    login_required,
    login_user,
    logout_user,
)
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from werkzeug.security import check_password_hash, generate_password_hash

from clients_api import ClientsAPI, Invalid
from clients_api.signals import client_created


class Base(DeclarativeBase):
    """The base of the application's own models."""


db = SQLAlchemy(model_class=Base)
logins = LoginManager()


class User(Base, UserMixin):  # type: ignore[misc]
    """Somebody who logs in here; the scope says what the clients API may do for them."""

    __tablename__ = "user"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    password: Mapped[str]
    scope: Mapped[str]


def who_calls(request: flask.Request) -> tuple[str, str] | None:
    """Say what the API may do for whoever is logged in, and who that is."""
    return (current_user.scope, current_user.name) if current_user.is_authenticated else None


crm = ClientsAPI(
    url_prefix="/crm/api", database_url="sqlite:///crm.sqlite3", authenticate=who_calls
)
pages = flask.Blueprint("pages", __name__)


@logins.user_loader  # type: ignore[untyped-decorator]
def load_user(id: str) -> User | None:
    """Return the user of a session."""
    return db.session.get(User, int(id))


@pages.get("/")
@login_required  # type: ignore[untyped-decorator]
def home() -> ResponseReturnValue:
    """Show a page of the clients, and a form for another."""
    number = flask.request.args.get("page", 1, type=int)
    with crm.session(readonly=True) as clients:
        page = clients.list(sort="client_company_name", order="asc").page(max(number, 1), limit=20)
    return flask.render_template("home.html", page=page, errors={})


@pages.post("/")
@login_required  # type: ignore[untyped-decorator]
def add() -> ResponseReturnValue:
    """Make a client of what the form says."""
    if current_user.scope == "read":
        flask.abort(403)
    form = flask.request.form
    try:
        with crm.session(actor=current_user.name) as clients:
            clients.create(
                first_name=form.get("first_name", ""),
                last_name=form.get("last_name", ""),
                email=form.get("email", ""),
                tags=["from the form"],
            )
    except Invalid as error:
        return flask.render_template("home.html", page=None, errors=error.errors), 422
    return flask.redirect(flask.url_for("pages.home"))


@pages.route("/login", methods=["GET", "POST"])
def login() -> ResponseReturnValue:
    """Log a user in who knows the password."""
    if flask.request.method == "POST":
        found = db.select(User).filter_by(name=flask.request.form.get("name", ""))
        user = db.session.scalar(found)
        if user and check_password_hash(user.password, flask.request.form.get("password", "")):
            login_user(user)
            return flask.redirect(flask.url_for("pages.home"))
        flask.flash("There is no such user, or the password is another one.")
    return flask.render_template("login.html")


@pages.post("/logout")
def logout() -> ResponseReturnValue:
    """Log the user out."""
    logout_user()
    return flask.redirect(flask.url_for("pages.login"))


@click.command("add-user")
@click.argument("name")
@click.option("--scope", type=click.Choice(["read", "write", "admin"]), default="write")
@click.password_option()
@flask.cli.with_appcontext
def add_user(name: str, scope: str, password: str) -> None:
    """Add a user who may log in."""
    db.session.add(User(name=name, scope=scope, password=generate_password_hash(password)))
    db.session.commit()


@client_created.connect
def welcome(app: flask.Flask, client: dict[str, object]) -> None:
    """Take note of a new client, whoever made it."""
    app.logger.info("New client: %s", client["company_name"])


def create_app(**settings: object) -> flask.Flask:
    """Make the application. In: settings that win over its own."""
    app = flask.Flask(__name__, instance_path=str(settings.pop("INSTANCE_PATH", "")) or None)
    Path(app.instance_path).mkdir(parents=True, exist_ok=True)
    app.config.update(
        SQLALCHEMY_DATABASE_URI="sqlite:///users.sqlite3",
        # For show: a real one is kept, and shared by all processes.
        SECRET_KEY=secrets.token_hex(),
        # Other sites' pages change nothing here in the name of who is logged in.
        SESSION_COOKIE_SAMESITE="Lax",
    )
    app.config.update(settings)
    db.init_app(app)
    logins.init_app(app)
    logins.login_view = "pages.login"
    app.register_blueprint(pages)
    app.cli.add_command(add_user)
    crm.init_app(app)
    with app.app_context():
        db.create_all()
    return app
