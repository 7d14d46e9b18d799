"""The data that is measured on: made-up clients, the same for the same number of them.

They are made through the models, once for each size, and kept in a folder; a measurement works on
copies.
"""

from __future__ import annotations

import hashlib
import random
import shutil
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import click
import peewee

from clients_api.models import ApiKey, Category, Client, Tag, User
from clients_api.models.engines import indexing, migrating, sqlite
from clients_api.models.engines.current import using

FOLDER = Path(tempfile.gettempdir()) / "clients-api-benchmarks"
KEY = "ck_benchmark-0123456789abcdef"
START = "2024-01-01 00:00:00"  # when the first client is made; the others follow each second
SUSPENDED_SHARE = 0.1
CATEGORIES = 10
TAGS = 100
FIRST = (
    "Nova", "Blue", "Iron", "Golden", "North", "Summit", "Cedar", "River", "Stone", "Bright",
    "Vertex", "Lumen", "Orbit", "Polar", "Quantum", "Delta", "École", "Übersee", "Łódź", "東京",
)  # fmt: skip
SECOND = (
    "Systems", "Foods", "Logistics", "Capital", "Partners", "Media", "Energy", "Textiles",
    "Robotics", "Pharma", "Analytics", "Motors", "Design", "Legal", "Security",
)  # fmt: skip
COMMON = "golden"  # in the names of one client in twenty


class Dataset(NamedTuple):
    """A database with clients of the ids 1 to `clients`, and what to ask of it.

    `position` is the time of creation and the id of the active client that is half-way down the
    list, newest first; `half` is how many stand before the next one.
    """

    path: Path
    clients: int
    half: int
    position: tuple[str, int]
    rare: str

    def copy_to(self, path: Path) -> None:
        """Put a copy of the database at `path`."""
        shutil.copyfile(self.path, path)


def prepare(clients: int, folder: Path = FOLDER) -> Dataset:
    """Return the data set of that size; make it, with a progress bar, if there is none yet."""
    folder.mkdir(exist_ok=True)
    path = folder / f"clients-{clients}-{_version()}.sqlite3"
    if not path.exists():
        draft = path.with_suffix(".draft")
        draft.unlink(missing_ok=True)
        _make(draft, clients)
        draft.rename(path)
    return _describe(path, clients)


def _version() -> str:
    """Return what changes with the code that makes the data and with the schema."""
    migrations = sorted(migrating.FOLDER.glob("*.py"))
    sources = b"".join(file.read_bytes() for file in (Path(__file__), *migrations))
    return hashlib.sha256(sources).hexdigest()[:8]


def _make(path: Path, clients: int) -> None:
    db = sqlite.Database(path, "normal")
    migrating.migrate(db)
    draw = random.Random(1)
    with using(db), db.atomic(), indexing.at_once(db):
        ApiKey.issue(name="benchmark", key=KEY)
        categories = [Category.default_id()]
        categories += [Category.named(f"Category {n}") for n in range(1, CATEGORIES)]
        Tag.named(f"tag {number}" for number in range(TAGS))
        numbers = range(1, clients + 1)
        label, hidden = f"Making {clients:,} clients", not sys.stderr.isatty()
        with click.progressbar(numbers, label=label, file=sys.stderr, hidden=hidden) as bar:
            for number in bar:
                _add(number, draw, draw.choice(categories))
        _set_times()
    db.close_all()


def _add(number: int, draw: random.Random, category_id: int) -> None:
    suspended = draw.random() < SUSPENDED_SHARE
    Client.register(
        first_name="Jane",
        last_name=f"Doe {number}",
        email=f"owner{number}@company.example",
        company_name=f"{draw.choice(FIRST)} {draw.choice(SECOND)} {number}",
        status="suspended" if suspended else "active",
        category_id=category_id,
        phone="+1 555 0100",
        website=f"https://company{number}.example",
        vat=f"GB{number:09}",
        billing_street="1 Market St",
        billing_city="San Francisco",
        billing_country="United States",
        billing_invoice_due_days=draw.choice((7, 14, 30)),
        tags=[f"tag {n}" for n in draw.sample(range(TAGS), 2)],
    )


def _set_times() -> None:
    """Write over the times of the making, which are others each time."""
    for model in (Category, Client, User, Tag):
        moment = peewee.fn.strftime(
            "%Y-%m-%dT%H:%M:%f000Z", START, model.id.cast("TEXT").concat(" seconds")
        )
        model.update(created=moment, updated=moment).execute()


def _describe(path: Path, clients: int) -> Dataset:
    db = sqlite.Database(path)
    with using(db):
        active = Client.matching(status="active")
        half = active.total() // 2 // 100 * 100
        how = {"sort": "created", "descending": True, "limit": 1, "offset": half - 1}
        id, *_, created = active.page(**how)[0]
        # Not every system knows the two cases of letters beyond ASCII.
        names = (Client.find(id)["company_name"] for id in range(clients // 2, clients))
        rare = next(name for name in names if name.isascii()).lower()
    db.close_all()
    return Dataset(path, clients, half, (created, id), rare)
