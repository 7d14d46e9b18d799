"""API keys: random secrets of which only a hash is stored, each with a scope."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import secrets
from typing import NamedTuple

import peewee

from . import events
from .base import BaseModel, now
from .errors import Conflict
from .queries.prepared import prepared
from .queries.reader import Reader
from .queries.record import Record
from .queries.selection import Selection

SCOPES = ("read", "write", "admin")  # each may do what those before it may
PREFIX_LENGTH = 11  # of the key: shown in lists and logs, and by which its row is found
LAST_USED_STEP = datetime.timedelta(minutes=1)


class Identity(NamedTuple):
    """Whom a valid key stands for."""

    id: int
    name: str
    prefix: str
    scope: str
    last_used: str | None


class ApiKey(BaseModel):
    name = peewee.TextField()
    prefix = peewee.TextField(unique=True)
    hash = peewee.TextField()
    scope = peewee.TextField()
    expires = peewee.TextField(null=True)
    last_used = peewee.TextField(null=True)
    revoked = peewee.TextField(null=True)
    created = peewee.TextField()
    updated = peewee.TextField()

    @classmethod
    def find(cls, id: int | None) -> Record:
        """Return one live key, without the secret, which nobody knows. Raises NotFound."""
        return reader.find(id)

    @classmethod
    def matching(cls) -> Selection:
        """Return the keys that are not revoked."""
        return reader.select()

    @classmethod
    def issue(
        cls,
        *,
        name: str,
        scope: str | None = None,
        expires: str | None = None,
        key: str | None = None,
    ) -> Record:
        """Make a key of 256 random bits; return its record with `key`, which nobody sees again.

        In: `expires`, a time as `timestamp` writes it, from which on the key is worth nothing;
        `key`, to set a secret instead of drawing one, which only a throwaway server should.
        """
        key = key or f"ck_{secrets.token_urlsafe(32)}"
        moment = now()
        id = cls.insert_row(
            name=name,
            prefix=key[:PREFIX_LENGTH],
            hash=_hash(key),
            scope=scope or "admin",
            expires=expires,
            created=moment,
            updated=moment,
        )
        record = cls.find(id)
        events.write(events.KEY, "created", id, events.created(record), time=moment)
        return Record((*record.columns, "key"), (*record.values_, key))

    @classmethod
    def identify(cls, key: str) -> Identity | None:
        """Return whom a key stands for; None if it is unknown, revoked or expired.

        The work is the same whether its prefix is known or not, so that its time tells nothing.
        """
        row = _by_prefix.one(key[:PREFIX_LENGTH])
        id, name, prefix, scope, last_used, expires, hash = row or _NOBODY
        is_right = hmac.compare_digest(hash, _hash(key))
        if not is_right or (expires is not None and expires <= now()):
            return None
        return Identity(id, name, prefix, scope, last_used)

    @classmethod
    def note_use(cls, id: int) -> None:
        """Write down that a key is used now."""
        cls.update_row(id, last_used=now())

    @classmethod
    def revoke(cls, id: int | None) -> Record:
        """Revoke a key for good and return what it was. Raises NotFound.

        Raises Conflict for the last live admin key, without which nobody could make another.
        """
        key = cls.find(id)
        moment = now()
        is_live = key["expires"] is None or key["expires"] > moment
        if key["scope"] == "admin" and is_live and not _other_live_admins.scalar(moment, id):
            raise Conflict(
                "This is the last admin key. Create another one first, or revoke it with the "
                "command clients-api keys revoke."
            )
        cls.revoke_anyway(id)
        return key

    @classmethod
    def revoke_anyway(cls, id: int | None) -> None:
        """Revoke a key, the last one too. Raises NotFound."""
        key = cls.find(id)
        moment = now()
        cls.update_row(id, revoked=moment, updated=moment)
        events.affect()
        events.write(events.KEY, "revoked", id, events.deleted(key), time=moment)

    @classmethod
    def any(cls) -> bool:
        """Tell whether a key was ever made."""
        return _any.one() is not None

    @classmethod
    def live(cls) -> list[Record]:
        """Return the keys that are not revoked, oldest first."""
        rows = cls.matching().page(sort="created", descending=False, limit=-1, offset=0)
        return [Record(reader.columns, row) for row in rows]


def use_is_stale(last_used: str | None) -> bool:
    """Tell whether a key's last noted use is so long ago that this one is worth a write."""
    if last_used is None:
        return True
    moment = datetime.datetime.fromisoformat(last_used)
    return datetime.datetime.now(datetime.UTC) - moment > LAST_USED_STEP


def _hash(key: str) -> str:
    # A random value of 256 bits can't be guessed from its hash, so no slow hash is needed.
    return hashlib.sha256(key.encode()).hexdigest()


# The row of no key: nothing hashes to zeros alone.
_NOBODY = (0, "", "", "", None, None, "0" * 64)


reader = Reader(
    "key",
    ApiKey,
    (
        ApiKey.id,
        ApiKey.name,
        ApiKey.prefix,
        ApiKey.scope,
        ApiKey.expires,
        ApiKey.last_used,
        ApiKey.created,
        ApiKey.updated,
    ),
    scope=ApiKey.revoked.is_null(),
    conditions={},
    sorts={"name": ApiKey.name, "created": ApiKey.created},
)


@prepared
def _by_prefix(prefix):
    return ApiKey.select(
        ApiKey.id,
        ApiKey.name,
        ApiKey.prefix,
        ApiKey.scope,
        ApiKey.last_used,
        ApiKey.expires,
        ApiKey.hash,
    ).where(ApiKey.prefix == prefix, ApiKey.revoked.is_null())


@prepared
def _other_live_admins(moment, id):
    return ApiKey.select(ApiKey.id).where(
        ApiKey.scope == "admin",
        ApiKey.revoked.is_null(),
        ApiKey.expires.is_null() | (ApiKey.expires > moment),
        ApiKey.id != id,
    )


@prepared
def _any():
    return ApiKey.select(ApiKey.id).limit(1)
