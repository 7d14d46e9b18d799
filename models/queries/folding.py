"""How text is compared: one idea of what is the same, and one of what is found and sorted."""

# ruff: noqa: RUF001 - letters that look alike

from __future__ import annotations

import functools
import re
import unicodedata

import idna

REMEMBERED = 150  # characters of a text whose key is kept for a while

# SQLite's search index has these, which are no characters, as the one that stands for such.
_NO_CHARACTERS = str.maketrans("\ufffe\uffff", "\ufffd\ufffd")

# The dot that is left of the Turkish capital İ, behind marks that stand below or on the letter.
_BELOW = "".join(chr(c) for c in range(0x300, 0x370) if 0 < unicodedata.combining(chr(c)) < 230)
_TURKISH_DOT = re.compile(f"(i[{_BELOW}]*)\u0307")

# Letters of Latin, Greek and Cyrillic, small and capital, with blocks that have few others.
_LETTERS = "a-zA-Z\u00c0-\u02af\u0370-\u052f\u1d00-\u1dbf\u1e00-\u1fff\u2c60-\u2c7f\ua640-\ua69f"
_LETTERS += "\ua720-\ua7ff\uab30-\uab6f"
_ACCENTS = re.compile(f"(?<=[{_LETTERS}])[\u0300-\u036f]+")

_BLOCKS = ((0xC0, 0x530), (0x1D00, 0x1DC0), (0x1E00, 0x1F00), (0x2C60, 0xA800), (0xAB30, 0xAB70))
_JOINED = {
    "æ": "ae", "œ": "oe", "þ": "th", "ð": "d", "ı": "i", "ȷ": "j", "ĸ": "k", "ŋ": "n",
    "ǆ": "dz", "ǳ": "dz", "ǉ": "lj", "ǌ": "nj",
}  # fmt: skip


def _whole_letters() -> dict[int, str]:
    """Return what stands for the letters that do not decompose.

    Unicode names most of them after the letter that they are made of: LATIN SMALL LETTER L WITH
    STROKE. In: blocks that have few others.
    """
    letters = dict(_JOINED)
    for place in (place for block in _BLOCKS for place in range(*block)):
        name, _, more = unicodedata.name(chr(place), "").partition(" WITH ")
        if more and name.startswith(("LATIN SMALL LETTER ", "CYRILLIC SMALL LETTER ")):
            try:
                base = _bare(unicodedata.lookup(name).casefold())
            except KeyError:
                continue  # a letter with a name of its own, such as that for two of them
            letters.setdefault(chr(place), letters.get(base, base))
    return str.maketrans(letters)


def _bare(text: str) -> str:
    return _ACCENTS.sub("", unicodedata.normalize("NFD", text))


def fold(text: str) -> str:
    """Return the key under which two spellings of a text are the same.

    Composed and decomposed letters are one, and case is folded as Unicode says (section 3.13,
    canonical caseless matching, D145): `ÉCOLE` and `école`, `STRASSE` and `straße`. The dot that
    folding leaves behind the Turkish capital İ is dropped, so that `istanbul` is the same.
    """
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFD", unicodedata.normalize("NFD", text).casefold())
    return _composed(_TURKISH_DOT.sub(r"\1", folded))


def plain(text: str) -> str:
    """Return the key by which a text is found and sorted: folded, and without accents.

    Latin, Greek and Cyrillic letters lose their marks, and those that Unicode does not take apart
    become the letters that they are made of (`Łódź`, `lodz`). It is no transliteration, and marks
    of other scripts, which tell letters apart, stay: が is not か.
    """
    if text.isascii():
        return text.lower()
    # A name is folded for its key and its words, and many rows of a file have the same city.
    return _plain(text) if len(text) <= REMEMBERED else _plain.__wrapped__(text)


def address_key(address: str) -> str:
    """Return the key under which two spellings of an e-mail address are the same.

    The local part is folded; of the domain its form in IDNA 2008 counts, in which
    `xn--bcher-kva.example` is `bücher.example`, and `straße.example` is not `strasse.example`.
    """
    local, at, domain = address.rpartition("@")
    return f"{fold(local)}{at}{_domain_key(domain)}"


def slug(text: str) -> str:
    """Return the words of a text in lower case, joined by hyphens, for use in an address."""
    return re.sub(r"[\W_]+", "-", fold(text)).strip("-")


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text).translate(_NO_CHARACTERS)


@functools.lru_cache(maxsize=1024)
def _plain(text: str) -> str:
    return _composed(_bare(fold(text)).translate(_LETTERS_TAKEN_APART))


@functools.lru_cache(maxsize=1024)
def _domain_key(domain: str) -> str:
    if domain.isascii():
        return domain.lower()
    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        return fold(domain)  # of no address: nothing is found by it


_LETTERS_TAKEN_APART = _whole_letters()
