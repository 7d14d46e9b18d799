"""How text is compared without regard to case, in every script."""

from __future__ import annotations

import re
import unicodedata

# SQLite's search index has these, which are no characters, as the one that stands for such.
_NO_CHARACTERS = str.maketrans("\ufffe\uffff", "\ufffd\ufffd")


def fold(text: str) -> str:
    """Return the key under which two spellings of a text are the same.

    Composed and decomposed letters are one (Unicode NFC), and case is folded as Unicode says
    (section 3.13, default caseless matching): `ÉCOLE` and `école`, `STRASSE` and `straße`. The
    dot that folding leaves behind the Turkish capital İ is dropped, so that `istanbul` finds it.
    """
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFC", text).casefold().replace("i\u0307", "i")
    return unicodedata.normalize("NFC", folded).translate(_NO_CHARACTERS)


def slug(text: str) -> str:
    """Return the words of a text in lower case, joined by hyphens, for use in an address."""
    return re.sub(r"[\W_]+", "-", fold(text)).strip("-")
