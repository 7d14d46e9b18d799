"""The columns of files, and which of them is meant by what stands in a file's first line."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence

from clients_api.models.errors import BadFile
from clients_api.schemas.client import ClientChangeSchema
from clients_api.schemas.exchange import OWNER

# The columns of every file of clients, with the names that the model has for them, in order.
COLUMNS: dict[str, str] = {
    "id": "id",
    **{name: name for name in OWNER},
    **{
        name: str(field.name)
        for name, field in ClientChangeSchema(exclude=("category_id",)).parameters.items()
    },
    "status": "status",
    "category": "category_name",
    "tags": "tags",
}
# Those of every file of contacts
CONTACT_COLUMNS: dict[str, str] = {
    "id": "id",
    **{name: name for name in OWNER},
    "phone": "phone",
    "position": "job_position",
    "account_owner": "account_owner",
    "client_id": "client_id",
    "client_company_name": "client_name",
}
_PREFIX = "client_"
_PARAMETER = re.compile(r"[a-z0-9_]+")
_NAMELESS = re.compile(r"(Unnamed: [0-9]+)?")  # pandas gives a column without a name this one


class Known:
    """The columns that a file may have. In: their names, each with its title or None."""

    def __init__(self, titles: Mapping[str, str | None]) -> None:
        self.names = titles.keys()
        short = {n.removeprefix(_PREFIX): n for n in titles if n.startswith(_PREFIX)}
        short |= {"company": f"{_PREFIX}company_name"}
        titled = {title: name for name, title in titles.items() if title}
        named = {_folded(name): name for name in titles}
        # What comes later counts more.
        self._spoken = {
            **{_folded(title): name for title, name in titled.items()},
            **{_folded(word): name for word, name in short.items() if name in titles},
            **named,
        }
        self._named = named

    def header(self, cells: Sequence[str]) -> list[str | None]:
        """Return the names of the columns that a first line means; None for one without a name.

        `First name`, `EMAIL`, `Company name` and a custom field's title are what people write.
        Raises BadFile for a name that is none, and for a column that is there twice.
        """
        words = [cell.strip() for cell in cells]
        if not any(words):
            raise BadFile("Line 1 must name the columns.")
        names = [None if _NAMELESS.fullmatch(word) else self._name(word) for word in words]
        pairs = zip(words, names, strict=True)
        unknown = dict.fromkeys(word for word, name in pairs if name == "")
        if unknown:
            listed = ", ".join(f"{word!r}{self._hint(word)}" for word in unknown)
            raise BadFile(f"There are columns that are not known here: {listed}.")
        twice = sorted({name for name in names if name and names.count(name) > 1})
        if twice:
            raise BadFile(f"There are columns more than once: {', '.join(twice)}.")
        return names

    def _name(self, word: str) -> str:
        if word in self.names:
            return word
        # What is written like the name of a parameter has to be the whole of it.
        meant = self._named if _PARAMETER.fullmatch(word) else self._spoken
        return meant.get(_folded(word), "")

    def _hint(self, word: str) -> str:
        folded = _folded(word)
        near = difflib.get_close_matches(folded, self._spoken, n=1, cutoff=0.7)
        # As in Outlook's "E-mail Address"
        near = near or [name for name in self._named if len(name) > 3 and name in folded]
        return f" (did you mean {self._spoken[near[0]]}?)" if near else ""


def _folded(word: str) -> str:
    return re.sub(r"[\W_]+", "", word).casefold()
