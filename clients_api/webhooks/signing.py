"""Signatures by Standard Webhooks 1.0, and the secrets that they are made with.

A secret is derived from SECRET_KEY whenever it is needed, so that neither the database nor a
backup of it holds any (https://www.standardwebhooks.com).
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from clients_api.models.engines import files
from clients_api.models.queries.record import Record

FILE = "file://"  # what the setting begins with where the key itself stands in a file
KEY_BYTES = 32
SHORTEST = 16  # characters of a key


class NoSecretKey(OSError):
    """SECRET_KEY is in a file that can't be read or made; the message is one line."""


def check_key(value: Any) -> str:
    """Return SECRET_KEY. Raises ValueError for one that is too short, and no path of a file."""
    if not isinstance(value, str) or len(value) < SHORTEST:
        raise ValueError
    if value.startswith(FILE) and not value.startswith(f"{FILE}/"):
        raise ValueError
    return value


def secret_key(setting: str) -> bytes:
    """Return the key that secrets are derived from.

    In: SECRET_KEY, which is the key or `file://` and a path. A file that is not there is made, for
    its owner alone. Raises NoSecretKey.
    """
    if not setting.startswith(FILE):
        return setting.encode()
    path = Path(setting.removeprefix(FILE))
    try:
        if not path.exists():
            _make(path)
        key = path.read_bytes().strip()
    except OSError as error:
        raise NoSecretKey(f"The file of SECRET_KEY, {path}: {error.strerror}.") from error
    if len(key) < SHORTEST:
        raise NoSecretKey(f"The file of SECRET_KEY, {path}, holds no key of {SHORTEST} characters.")
    return key


def _make(path: Path) -> None:
    """Make the file with a new key, whole from the first moment: another process may be reading."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_urlsafe(KEY_BYTES).encode())
            file.flush()
            os.fsync(handle)
        files.give(draft, path.parent)
        with suppress(FileExistsError):  # then another process was faster, and that key counts
            os.link(draft, path)
    finally:
        draft.unlink()
    files.sync(path.parent)


def secret(key: bytes, id: int, epoch: int) -> str:
    """Derive the secret of a webhook as its receiver is given it: `whsec_…`.

    In: the secret key; the id of the webhook; its epoch, which each rotation moves.
    """
    return f"whsec_{base64.b64encode(_derived(key, id, epoch)).decode()}"


def _derived(key: bytes, id: int, epoch: int) -> bytes:
    return hmac.digest(key, f"webhook:{id}:{epoch}".encode(), hashlib.sha256)


def with_secret(webhook: Record, setting: str) -> Record:
    """Return a webhook with its `secret`, which is shown when it is new. Raises NoSecretKey."""
    shown = secret(secret_key(setting), webhook["id"], webhook["epoch"])
    return Record((*webhook.columns, "secret"), (*webhook.values_, shown))


def headers(
    key: bytes, id: int, epochs: Iterable[int], message_id: str, body: bytes
) -> dict[str, str]:
    """Return the headers of a try that is made now.

    In: the secret key; the id of the webhook, and the epochs whose secrets sign; the id of the
    message, which is the same for each try; its body.
    """
    from standardwebhooks import Webhook  # late: most processes send nothing

    now = datetime.datetime.now(datetime.UTC)
    signatures = [
        Webhook(_derived(key, id, epoch)).sign(message_id, now, body.decode()) for epoch in epochs
    ]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
