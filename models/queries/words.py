"""What is known of clients and of their users, as the text in which words are looked for."""

from __future__ import annotations

import re

from .folding import address_key, plain

_GAPS = re.compile(r"(?<=[0-9])[-./()+]+(?=[0-9])")
_NUMBER = re.compile(r"[-./()+0-9]*[0-9][-./()+0-9]*")


def details(phone: str | None, *texts: str | None) -> str | None:
    """Return a text in which `word_needles` are found; None where there is nothing to find.

    Numbers are found however they are punctuated, and in a phone number all its digits in a row.
    """
    parts = [_GAPS.sub("", plain(text)) for text in texts if text]
    if digits := re.sub(r"[^0-9]", "", phone or ""):
        parts.append(digits)
    return "\n".join(parts) or None


def person_details(first_name: str, last_name: str, email: str, phone: str | None) -> str | None:
    """Return the text of a user: the full name, the address in both spellings, the phone."""
    addresses = dict.fromkeys((plain(email), plain(address_key(email))))
    return details(phone, f"{first_name} {last_name}", *addresses)


def word_needles(text: str) -> list[tuple[str, str]]:
    """Return for each word what is looked for in names, and in details; the longest come first.

    A word that is in another one needs no look of its own.
    """
    pairs = {_needle(word) for word in plain(text).split()}
    kept: list[tuple[str, str]] = []
    for pair in sorted(pairs, key=lambda pair: (-len(pair[0]), pair)):
        if not any(pair[0] in name and pair[1] in detail for name, detail in kept):
            kept.append(pair)
    return kept


def _needle(word: str) -> tuple[str, str]:
    if not _NUMBER.fullmatch(word):
        return word, _GAPS.sub("", word)
    digits = re.sub("[^0-9]", "", word)
    return (word if len(digits) > 2 else digits), digits
