"""Conditional requests (RFC 9110, section 13): ETag, If-None-Match and If-Match."""

from __future__ import annotations

import hashlib
import re

import flask
from werkzeug.http import parse_etags

from .errors import Refused

_CODING = re.compile(r"(--?|;|:)(gzip|br|zstd|deflate)\Z")  # as Apache, Jetty and others write it


def entity_tag(data: bytes) -> str:
    """Return the strong entity tag of a record: a digest of its JSON, without the quotes."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def is_unchanged(request: flask.Request, tag: str) -> bool:
    """Tell whether the caller has this state of the record already (If-None-Match)."""
    header = request.environ.get("HTTP_IF_NONE_MATCH")
    return header is not None and (header.strip() == "*" or tag in _tags(header))


def wanted_state(request: flask.Request) -> str | None:
    """Return the header If-Match, if there is one."""
    return request.environ.get("HTTP_IF_MATCH")


def require_match(header: str, tag: str, noun: str) -> None:
    """Raise Refused, 412, unless the header If-Match names this state of the record.

    What follows a dot in a tag stands for other records, that were included; they don't count.
    """
    states = {state.partition(".")[0] for state in _tags(header)}
    if header.strip() != "*" and tag not in states:
        raise Refused(412, f"The {noun} has changed since you read it.")


def _tags(header: str) -> set[str]:
    """Return the tags of a header as we wrote them.

    A proxy that compresses an answer makes its tag weak, or puts the coding behind it.
    """
    sent = parse_etags(header).as_set(include_weak=True)
    # werkzeug reads the empty tag, "", as None.
    return {_CODING.sub("", tag) for tag in sent if tag is not None}
