"""An application with logins of its own, and the clients API in it for those who are logged in."""

from __future__ import annotations

import flask

from clients_api import ClientsAPI
from clients_api.signals import client_created

# A real application has passwords, and keeps both in its own database.
SCOPES = {"ann": "write", "bob": "read"}

PAGE = """<!doctype html>
<title>Example</title>
{% if user %}
<p>Hello {{ user }}. Here are <a href="/crm/api/console">your clients</a>,
and <a href="/crm/api/docs">what else the API can do</a>.
<form action="/logout" method="post"><button>Log out</button></form>
{% else %}
<form action="/login" method="post">
<label>Log in as ann, who may write, or bob, who may read: <input name="user" autofocus></label>
<button>Log in</button>
</form>
{% endif %}
"""

app = flask.Flask(__name__)
# Lax keeps other sites' pages from changing clients in the name of who is logged in here.
app.config.update(SECRET_KEY="dev", SESSION_COOKIE_SAMESITE="Lax")  # nosec B106 # for show


@app.get("/")
def home():
    """Show who is logged in, or ask."""
    return flask.render_template_string(PAGE, user=flask.session.get("user"))


@app.post("/login")
def login():
    """Log a known user in."""
    user = flask.request.form["user"]
    if user not in SCOPES:
        flask.abort(403)
    flask.session["user"] = user
    return flask.redirect("/")


@app.post("/logout")
def logout():
    """Log the user out."""
    flask.session.clear()
    return flask.redirect("/")


def scope_of(request: flask.Request) -> str | None:
    """Say what the API may do for whoever is logged in; nothing for anybody else."""
    return SCOPES.get(flask.session.get("user", ""))


@client_created.connect_via(app)
def welcome(host: flask.Flask, client: dict) -> None:
    """Take note of a new client."""
    host.logger.warning("New client: %s", client["company_name"])


ClientsAPI(
    app,
    url_prefix="/crm/api",
    database_url="sqlite:///crm.sqlite3",
    authenticate=scope_of,
)
