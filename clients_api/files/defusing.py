"""Cells that a spreadsheet would run as a formula, made text, and back."""

from __future__ import annotations

import re

# The name of a column, empty in all rows, that stands in what we have written and defused. Programs
# that open a file and save it keep it, and none would write it by chance: the apostrophes of files
# without it belong to the names that have them.
MARK = "defused_by_clients_api"

# What a spreadsheet would run, at the start of a cell or of what it takes for one: where lists are
# separated by semicolons, it splits our lines there, and at line ends within a cell. Full-width
# signs count as plain ones. An apostrophe in front makes it text; those that stand there already
# get one more, so that taking one away always restores the cell.
_SIGNS = r"'*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]"
_SPLIT = re.compile(r"[;\r\n]")
_FORMULA = re.compile(rf"(?<![^;\r\n])(?={_SIGNS})")
_DEFUSED = re.compile(rf"(?<![^;\r\n])'(?={_SIGNS})")


def defused(cell: str) -> str:
    """Return a cell as text that no spreadsheet runs."""
    if _FORMULA.match(cell) or _SPLIT.search(cell):
        return _FORMULA.sub("'", cell)
    return cell


def restored(cell: str) -> str:
    """Return what was made text by `defused` as it was."""
    return _DEFUSED.sub("", cell) if "'" in cell else cell
