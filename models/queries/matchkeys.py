"""By what two records may be of the same company: keys that are equal where these are alike.

They are stored with the rows, so that what is alike stands side by side in an index. A change of
how they are made needs a migration that makes them anew.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

PHONE_DIGITS = 9  # at the end; before them, some write the country and some do not
PHONE_DIGITS_LEAST = 7  # of fewer, an extension, many companies have the same


class _Signs(dict[int, str | None]):
    """What stands for each character of a name: itself if it is a letter, mark or digit."""

    _WITHIN_WORDS = "'.’`´·"  # noqa: RUF001 - S.p.A., O'Reilly

    def __missing__(self, place: int) -> str | None:
        sign = chr(place)
        if unicodedata.category(sign)[0] in "LMN":
            stands: str | None = sign
        else:
            stands = None if sign in self._WITHIN_WORDS else " "
        self[place] = stands
        return stands


def _listed(name: str) -> Iterator[str]:
    text = (Path(__file__).parent / name).read_text(encoding="utf-8")
    for line in text.splitlines():
        if not line.startswith("#"):
            yield from (item.strip() for item in line.partition(":")[2].split(","))


def _is_spaceless(form: str) -> bool:
    return unicodedata.name(form[0]).startswith(("CJK", "HANGUL"))


_SIGNS = _Signs()
_SINGLE_LETTERS = re.compile(r"(?<!\S)(\S) (?=\S(?: |\Z))")
LEGAL_FORMS = frozenset(_listed("legal_forms.txt"))
_ATTACHED_FORMS = tuple(filter(_is_spaceless, LEGAL_FORMS))  # which no space need part from names
_LEGAL_FORM_WORDS = max(form.count(" ") + 1 for form in LEGAL_FORMS)
FREE_MAIL = frozenset(_listed("free_mail.txt"))
_NO_DIGITS = re.compile("[^0-9]+")


def name_match(name_key: str) -> str | None:
    """Return a company's name without signs, spaces and closing legal forms.

    In: the name as `plain` writes it. None where nothing is left: a name of signs alone is like no
    other.
    """
    text = " ".join(name_key.translate(_SIGNS).split())
    words = _SINGLE_LETTERS.sub(r"\1", text).split(" ")  # "s. p. a." is "s.p.a."
    while rest := _without_form(words):
        words = rest
    return "".join(words) or None


def _without_form(words: list[str]) -> list[str]:
    """Return a name's words without one legal form at their end; [] if nothing were left."""
    for count in range(min(_LEGAL_FORM_WORDS, len(words) - 1), 0, -1):
        if " ".join(words[-count:]) in LEGAL_FORMS:
            return words[:-count]
    if words[-1].endswith(_ATTACHED_FORMS) and words[-1] not in LEGAL_FORMS:
        form = next(form for form in _ATTACHED_FORMS if words[-1].endswith(form))
        return [*words[:-1], words[-1].removesuffix(form)]
    return []


def vat_match(number: str | None) -> str | None:
    """Return the letters and digits of a VAT number in capitals; None where it has no digit."""
    text = "".join(filter(str.isalnum, unicodedata.normalize("NFKC", number or "").upper()))
    return text if any(map(str.isdigit, text)) else None


def phone_match(number: str | None) -> str | None:
    """Return the last digits of a phone number, nine of them; None where it has too few."""
    digits = _NO_DIGITS.sub("", unicodedata.normalize("NFKC", number or ""))[-PHONE_DIGITS:]
    return digits if len(digits) >= PHONE_DIGITS_LEAST else None


def domain_match(address_key: str) -> str | None:
    """Return the domain of an address; None where anybody gets one. In: the address's key."""
    domain = address_key.rpartition("@")[2]
    return None if domain in FREE_MAIL else domain


_OF_CLIENTS: dict[str, tuple[str, Callable[[Any], str | None]]] = {
    "name_match": ("name_key", name_match),
    "vat_match": ("vat", vat_match),
    "phone_match": ("phone", phone_match),
}


def client_match_keys(columns: Mapping[str, Any]) -> dict[str, str | None]:
    """Return the keys that follow from these columns of a client."""
    return {
        key: make(columns[name]) for key, (name, make) in _OF_CLIENTS.items() if name in columns
    }
