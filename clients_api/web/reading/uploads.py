"""A body that is a file: received into a temporary file, whatever its size."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import flask
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from clients_api.openapi import MULTIPART
from clients_api.schemas.base import trimmed
from clients_api.schemas.exchange import canonical_encoding
from clients_api.schemas.fields import sentence
from clients_api.web import current_app
from clients_api.web.errors import Refused, log, too_large, unprocessable

from .bodies import PAIRS_MAX, collect, decode_field, require_no_coding

PART = 64 * 1024
FILE = "file"  # the name that it has in a form


class Upload:
    """The file that came, and what came with it.

    `stream` is at its start; `media_type` and `charset` are what was said of it, `name` what it
    is called, each "" if nothing was; `params` are the other fields of the form; `digest`
    identifies all of this.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.media_type = ""
        self.charset = ""
        self.name = ""
        self.params: dict[str, Any] = {}
        self._hash = hashlib.blake2b(digest_size=16)

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def describe(self, content_type: str) -> None:
        """Note what was said of the file. Raises Refused: 415 for a charset that is none."""
        kind, options = parse_options_header(content_type)
        self.media_type = kind.lower()
        self.charset = options.get("charset", "")
        if self.charset and canonical_encoding(self.charset) is None:
            raise Refused(415, f"The charset {self.charset!r} is not known here.")

    def write(self, part: bytes) -> None:
        """Add to the file. Raises Refused: 507 if there is no room."""
        self.note(part)
        with _room():
            self.stream.write(part)

    def rewind(self) -> None:
        """Go to the start of the file. Raises Refused, as `write` does."""
        with _room():
            self.stream.seek(0)

    def note(self, part: bytes) -> None:
        """Have the digest tell of this, too."""
        self._hash.update(part)


def read_file(request: Any, media_types: Collection[str], arrays: Collection[str] = ()) -> Upload:
    """Receive a body that is a file, or a form with one.

    In: the types that it may have; the names of the parameters that are arrays. Raises Refused:
    400, 413, 507; 415 for a type that is none of these; 422 for a form without a file.
    """
    kind, options = parse_options_header(request.environ.get("CONTENT_TYPE", ""))
    if kind.lower() not in (*media_types, MULTIPART):
        listed = f"{', '.join(media_types)} or {MULTIPART}"
        raise Refused(415, f"The body must be {listed}; say it in Content-Type.")
    require_no_coding(request.environ.get("HTTP_CONTENT_ENCODING", ""))
    upload = Upload(request.spool())
    if kind.lower() == MULTIPART:
        upload.params = _read_form(upload, _parts(request), options.get("boundary", ""), arrays)
    else:
        upload.describe(request.environ["CONTENT_TYPE"])
        for part in _parts(request):
            upload.write(part)
    upload.rewind()
    return upload


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        log.error("A file that came could not be kept: %s", error)
        raise Refused(507, "There is no room for the file now, and nothing was changed.") from error


def _parts(request: flask.Request) -> Iterator[bytes]:
    """Yield the body as it comes. Raises Refused: 400, 413."""
    limit = current_app.config["MAX_IMPORT_BYTES"]
    length = request.content_length
    if length is not None and length > limit:
        raise too_large("MAX_IMPORT_BYTES")
    # Of a body that comes in chunks the length is not known.
    stream = request.stream if length is None else request.environ["wsgi.input"]
    left = limit + 1 if length is None else length
    while left:
        try:
            part = stream.read(min(PART, left))
            if not part and length is not None:
                raise EOFError
        except Exception as error:
            # Each server tells by exceptions of its own of a caller that breaks off.
            raise Refused(400, "The body is not valid HTTP, or not all of it came.") from error
        if not part:
            return
        left -= len(part)
        if length is None and not left:
            raise too_large("MAX_IMPORT_BYTES")
        yield part


def _read_form(
    upload: Upload, parts: Iterator[bytes], boundary: str, arrays: Collection[str]
) -> dict[str, Any]:
    """Receive a form (RFC 7578) with the file, and return its other fields.

    Raises Refused: 400, 422 for one without.
    """
    if not boundary:
        raise Refused(400, "The body has no boundary: give one in Content-Type.")
    decoder = MultipartDecoder(boundary.encode("latin-1", "replace"), max_parts=PAIRS_MAX)
    pairs: list[tuple[str, bytearray]] = []
    files = 0
    limit = current_app.config["MAX_BODY_BYTES"]
    into: Any = None
    for event in _events(decoder, parts, limit):
        if isinstance(event, File) and event.name == FILE:
            files += 1
            upload.name = event.filename or ""
            upload.describe(event.headers.get("Content-Type", ""))
            into = upload.write
        elif isinstance(event, Field | File):
            name = event.name if isinstance(event, Field) else f"{event.name} (file)"
            pairs.append((name, bytearray()))
            into = pairs[-1][1].extend
        elif isinstance(event, Data):
            into(event.data)
            if sum(len(value) for _, value in pairs) > limit:
                raise too_large()
    if files != 1:
        told = sentence("required", FILE) if not files else "The file field must come once."
        raise unprocessable({FILE: [told]})
    fields = [(name, decode_field(name, value)) for name, value in pairs]
    upload.note(repr(fields).encode())
    return {name: trimmed(value) for name, value in collect(fields, arrays).items()}


def _events(decoder: MultipartDecoder, parts: Iterator[bytes], limit: int) -> Iterator[Any]:
    while True:
        try:
            event = decoder.next_event()
            if isinstance(event, NeedData):
                # Of what is no part of the form the decoder keeps all.
                if len(decoder.buffer) > limit:
                    raise ValueError("it has too much beside its parts")
                decoder.receive_data(next(parts, None))
                continue
            if isinstance(event, Epilogue):
                return
            if isinstance(event, Field | File) and event.name is None:
                raise ValueError("a part has no name")
        except Refused:
            raise  # of the parts, not of the decoder
        except RequestEntityTooLarge as error:
            raise Refused(400, f"The body has more than {PAIRS_MAX} parameters.") from error
        except Exception as error:
            # werkzeug's decoder raises ValueError, KeyError, IndexError and others.
            raise Refused(400, "The body is not valid multipart/form-data.") from error
        yield event
