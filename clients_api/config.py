"""The settings: their defaults, what they may be, and where they are read from."""

from __future__ import annotations

import difflib
import logging
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from flask import Config

from .checks import database_url, flag, one_of, origins, prefix, public_url, whole
from .mail.settings import check_sender, check_url
from .models.engines import opening
from .models.engines.engine import Engine
from .web.ratelimit import check_rate
from .webhooks.addresses import exemptions
from .webhooks.signing import SHORTEST, check_key

ENV = "CLIENTS_API"

log = logging.getLogger("clients_api")


class BadSetting(ValueError):
    """A setting can't be used; the message is one line with its name, its value and what may be."""


class Setting(NamedTuple):
    """One setting. `check` returns the value to use; for one that may not be it raises ValueError.

    `allowed` says in words what may be; `default` may contain `<instance>`.
    """

    default: Any
    check: Callable[[Any], Any]
    allowed: str
    purpose: str


SETTINGS: dict[str, Setting] = {
    "DATABASE_URL": Setting(
        "sqlite:///<instance>/clients.sqlite3",
        database_url,
        opening.URLS,
        "The SQLite file, or the PostgreSQL database (extra `postgresql`).",
    ),
    "URL_PREFIX": Setting(
        "/api", prefix, "a path such as /api or /crm/api", "Under which the API is served."
    ),
    "PUBLIC_URL": Setting(
        "",
        public_url,
        "an address such as https://crm.example, with the path that a proxy strips",
        "What stands before the paths in `Link`, `Location` and openapi.json, where the scheme and "
        "host of the request are not right; behind a proxy that strips a path, with that path.",
    ),
    "PAGE_SIZE": Setting(
        25, whole(1, 100), "1 to 100", "Records a page where no `limit` is given."
    ),
    "MAX_BODY_BYTES": Setting(
        1_048_576, whole(1024, 2**31), "1024 to 2147483648", "A larger body is answered with 413."
    ),
    "MAX_IMPORT_BYTES": Setting(
        268_435_456,
        whole(1024, 2**40),
        "1024 to 1099511627776",
        "A larger file to import is answered with 413.",
    ),
    "RATELIMIT_ENABLED": Setting(True, flag, "true or false", "Whether calls are limited."),
    "RATELIMIT_DEFAULT": Setting(
        "1200 per minute",
        check_rate,
        "a rate such as 1200 per minute",
        "Calls with a valid key, per key; without one, per address, a tenth of it.",
    ),
    "CORS_ORIGINS": Setting(
        [],
        origins,
        "a list of origins such as https://app.example, separated by commas",
        "Whose pages in a browser may call the API.",
    ),
    "TRUSTED_PROXIES": Setting(
        0,
        whole(0, 10),
        "0 to 10",
        "Reverse proxies in a row in front; of as many X-Forwarded-For, -Proto, -Host and -Prefix "
        "are believed.",
    ),
    "MAIL_URL": Setting(
        "file://<instance>/mail",
        check_url,
        "file:///folder, smtp://[user:password@]host[:port] or smtps://…",
        "Where mail goes; a folder gets `.eml` files.",
    ),
    "MAIL_FROM": Setting(
        "clients@localhost",
        check_sender,
        "an e-mail address, also as Acme Ltd <clients@acme.example>",
        "Sender of mail, also with a name: `Acme Ltd <clients@acme.example>`.",
    ),
    "CONSOLE_ENABLED": Setting(True, flag, "true or false", "Whether `/console` is served."),
    "DOCS_ENABLED": Setting(True, flag, "true or false", "Whether `/docs` is served."),
    "WEBHOOK_HOSTS": Setting(
        [],
        exemptions,
        "a list of hosts such as n8n.lan or 192.168.1.5:5678, separated by commas",
        "Where webhooks may lead besides public addresses, as `host` or `host:port`; also by http.",
    ),
    "SECRET_KEY": Setting(
        "file://<instance>/clients-api-secret-key",
        check_key,
        f"at least {SHORTEST} characters, or file:// and the path of a file that has them",
        "What secrets of webhooks are derived from; a file is made at first need, for its owner "
        "alone.",
    ),
    "EVENTS_KEPT_DAYS": Setting(
        90,
        whole(0, 36_500),
        "0 to 36500",
        "Days for which events are kept; 0: for ever. The newest one always is.",
    ),
    "TRASH_KEPT_DAYS": Setting(
        30,
        whole(0, 36_500),
        "0 to 36500",
        "Days for which deletions can be undone; 0: they can't.",
    ),
    "LOG_FORMAT": Setting(
        "text", one_of("text", "json"), "text or json", "`json` is one object a line."
    ),
    "LOG_LEVEL": Setting(
        "info",
        one_of("debug", "info", "warning", "error", "critical"),
        "debug, info, warning, error or critical",
        "The least important messages that are logged.",
    ),
    "SQLITE_SYNCHRONOUS": Setting(
        "full",
        one_of("full", "normal"),
        "full or normal",
        "`normal` trades the last moments before a power cut for speed.",
    ),
}


SECRETIVE = frozenset(
    {"DATABASE_URL", "MAIL_URL", "SECRET_KEY"}
)  # whose values may have a password in them


def opened(settings: Mapping[str, Any], instance: Path) -> Engine:
    """Return the database of these settings, not yet opened. Raises BadSetting."""
    try:
        return opening.open_database(settings["DATABASE_URL"], instance, settings)
    except ValueError as error:
        raise BadSetting(f"{ENV}_DATABASE_URL has to be {error}") from None


def instance_folder() -> Path:
    """Return the folder of the database, config.toml and mail: INSTANCE_PATH, or `./instance`."""
    return Path(os.environ.get(f"{ENV}_INSTANCE_PATH") or "instance").absolute()


def warn_of_unknown() -> None:
    """Log the names of variables in the environment that look like settings and are none.

    Not their values: a password may be among them.
    """
    known = [*SETTINGS, "INSTANCE_PATH"]
    for variable in sorted(os.environ):
        name = variable.removeprefix(f"{ENV}_")
        if name == variable or name in known:
            continue
        nearest = difflib.get_close_matches(name.upper(), known, n=1)
        hint = f"; did you mean {ENV}_{nearest[0]}?" if nearest else "."
        log.warning("%s is no setting, and is ignored%s", variable, hint)


def load(
    instance: Path,
    overrides: Mapping[str, Any],
    *,
    use_file: bool = True,
    written: Callable[[str], str] = f"{ENV}_{{}}".format,
) -> dict[str, Any]:
    """Return all settings: defaults, then config.toml, then the environment, then `overrides`.

    In: `written`, which returns of a setting's name how `overrides` were written by whoever is to
    read the error. Raises BadSetting for a value that may not be, and for a name in the file that
    is none.
    """
    config = Config(instance)
    config.update({name: setting.default for name, setting in SETTINGS.items()})
    file = instance / "config.toml"
    if use_file and file.exists():
        config.update(_read(file))
    config.from_prefixed_env(ENV)
    config.update(overrides)
    names = {name: f"{ENV}_{name}" for name in SETTINGS} | {n: written(n) for n in overrides}
    return {name: _checked(name, names[name], config[name], instance) for name in SETTINGS}


def _read(file: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadSetting(f"{file} can't be read: {error}") from error
    values = {name.upper(): value for name, value in values.items()}
    for name in values:
        if name not in SETTINGS:
            raise BadSetting(f"{name} in {file} is no setting; there are {', '.join(SETTINGS)}.")
    return values


def _checked(name: str, written: str, value: Any, instance: Path) -> Any:
    setting = SETTINGS[name]
    if isinstance(value, str):
        value = value.replace("<instance>", str(instance))
    try:
        return setting.check(value)
    except ValueError:
        # Of no cause: what Python says of a bad port quotes it, and it may be a password.
        raise BadSetting(
            f"{written} is {_shown(name, value)}, but must be {setting.allowed}."
        ) from None


def _shown(name: str, value: Any) -> str:
    """Write a bad value for an error, without what may be a password in it.

    Since it is bad, nobody knows where in it that is: `smtp://user:secret` lacks its `@host`.
    """
    if name == "SECRET_KEY":
        return "not one" if isinstance(value, str) else f"a {type(value).__name__}"
    if name not in SECRETIVE:
        return re.sub(r":.*@", ":***@", repr(value), flags=re.DOTALL)
    if not isinstance(value, str):
        return f"a {type(value).__name__}" if isinstance(value, list | dict) else repr(value)
    if not re.search("[:@]", re.sub(r"^[a-z]+://", "", value)):
        return repr(value)
    scheme = re.match(r"(?:sqlite|postgres(?:ql)?|file|smtps?|https?)://", value)
    host = re.search(r"@[A-Za-z0-9.-]+(?=[^@]*\Z)", value)
    return f"'{scheme[0] if scheme else ''}***{host[0] if host else ''}'"
