"""What may be said of mail in the settings."""

from __future__ import annotations

import re
import unicodedata
from typing import Any
from urllib.parse import urlsplit


def check_url(value: Any) -> str:
    """Return MAIL_URL. Raises ValueError for one that mail can't go to."""
    parts = urlsplit(value if isinstance(value, str) else "")
    if parts.scheme == "file" and parts.path and not parts.netloc:
        return value
    # What stands behind the host may be a password with a slash in it.
    is_host_alone = not (parts.path.strip("/") or parts.query or parts.fragment)
    if parts.scheme in ("smtp", "smtps") and parts.hostname and parts.port != 0 and is_host_alone:
        return value
    raise ValueError


def check_sender(value: Any) -> str:
    """Return MAIL_FROM. Raises ValueError for one that is no address, nor a name and an address."""
    # RFC 5322: some characters need quotes, and control characters may not be at all.
    atoms = r"[^\s\x00-\x1f\x7f@<>()\[\],;:\\\"]+"
    name = r'[^@<>"]*|\s*"(?:[^"\\]|\\.)*"\s*'
    form = f"{atoms}@{atoms}|(?:{name})<{atoms}@{atoms}>"
    if not isinstance(value, str) or not re.fullmatch(form, value):
        raise ValueError
    if any(unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") for sign in value):
        raise ValueError
    return value
