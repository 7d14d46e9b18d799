"""What is known of clients and of their users, as the text in which words are looked for."""

from __future__ import annotations

import re

from .folding import address_key, plain

_GAPS = re.compile(r"(?<=[0-9])[-./()+]+(?=[0-9])")
_EDGES = re.compile(r"\A[-./()+]+(?=[0-9])|(?<=[0-9])[-./()+]+\Z")
_NUMBER = re.compile(r"[-./()+0-9]*[0-9][-./()+0-9]*")


def details(phone: str | None, *texts: str | None) -> str | None:
    """Return a text in which `word_needles` are found; None where there is nothing to find.

    Numbers are found however they are punctuated, and in a phone number all its digits in a row.
    """
    parts = [plain(text) for text in texts if text]
    if _GAPS.search("\n".join(parts)):
        parts += [_GAPS.sub("", part) for part in parts]
    if phone:
        parts.append(re.sub(r"[^0-9]", "", phone))
    return "\n".join(dict.fromkeys(filter(None, parts))) or None


def person_details(first_name: str, last_name: str, email: str, phone: str | None) -> str | None:
    """Return the text of a user: the full name, the address in both spellings, the phone."""
    return details(phone, f"{first_name} {last_name}", email, address_key(email))


def word_needles(text: str) -> list[str]:
    """Return what is looked for of each word; the longest come first.

    A word that is in another one needs no look of its own.
    """
    needles = {_needle(word) for word in plain(text).split()}
    kept: list[str] = []
    for needle in sorted(needles, key=lambda needle: (-len(needle), needle)):
        if not any(needle in longer for longer in kept):
            kept.append(needle)
    return kept


def _needle(word: str) -> str:
    if _NUMBER.fullmatch(word):
        return re.sub("[^0-9]", "", word)
    return _EDGES.sub("", _GAPS.sub("", word))
