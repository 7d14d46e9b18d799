"""Tags: words that clients are marked with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import peewee

from . import events
from .base import BaseModel, now
from .errors import Invalid, NotFound
from .events.kept import keep
from .queries.folding import fold, plain
from .queries.prepared import prepared
from .queries.reader import Reader
from .queries.record import Record
from .queries.selection import Selection
from .queries.words import details

MOST_PER_CLIENT = 100


class Tag(BaseModel):
    title = peewee.TextField()
    title_key = peewee.TextField(unique=True)
    title_plain = peewee.TextField(index=True)
    created = peewee.TextField(index=True)
    updated = peewee.TextField()
    words = peewee.TextField(null=True)

    @classmethod
    def find(cls, id: int | None) -> Record:
        """Return one tag. Raises NotFound."""
        return reader.find(id)

    @classmethod
    def matching(cls, search: str | None = None) -> Selection:
        """Return the tags whose title contains `search`."""
        return reader.matching(search)

    @classmethod
    def named(cls, titles: Iterable[str]) -> list[int]:
        """Return the ids of the tags of those titles, in whatever case; a new title makes a tag.

        Of several spellings of a title the first counts.
        """
        spellings: dict[str, str] = {}
        for title in titles:
            spellings.setdefault(fold(title), title)
        ids = dict(_ids_by_key.all(*spellings)) if spellings else {}
        for key, title in spellings.items():
            if key not in ids:
                moment = now()
                shown = {"title": title, "created": moment}
                keys = {"title_key": key, "title_plain": plain(title)}
                words = details(None, title)
                ids[key] = cls.insert_row(**shown, **keys, words=words, updated=moment)
                made = events.created({"id": ids[key], **shown})
                events.write(events.TAG, "created", ids[key], made, time=moment)
        return [ids[key] for key in spellings]

    @classmethod
    def holder(cls, title: str) -> int | None:
        """Return the id of the tag of that title, in whatever case."""
        return _id_by_key.scalar(fold(title))

    @classmethod
    def rename(cls, id: int | None, title: str) -> Record:
        """Give a tag another title and return it; onto another tag's title merges the two.

        Where they merge, the other one stays, and the clients of both have it. Raises NotFound.
        """
        tag = cls.find(id)
        if title == tag["title"]:
            return tag
        moment = now()
        clients = _touch_clients(moment, id).rowcount
        other = _id_by_key.scalar(fold(title))
        if other is None or other == id:
            keys = {"title_key": fold(title), "title_plain": plain(title)}
            cls.update_row(id, title=title, **keys, words=details(None, title), updated=moment)
            changes = {"title": [tag["title"], title]}
            events.write(events.TAG, "updated", id, changes, time=moment, clients=clients)
            return cls.find(id)
        kept = {"tag": cls.rows("id", id)[0], "links": _links.all(id)}
        _move_links(other, id)
        kept["left"] = [client_id for client_id, _ in _links.all(id)]  # which have both
        cls.delete_row(id)
        cls.update_row(other, updated=moment)
        changes = {"merged": [None, [id]]}
        events.affect(clients=clients, tags=1)
        keep(events.write(events.TAG, "merged", other, changes, time=moment, clients=clients), kept)
        events.write(events.TAG, "deleted", id, events.deleted(tag), time=moment)
        return cls.find(other)

    @classmethod
    def remove(cls, id: int | None) -> Record:
        """Take a tag off every client, delete it, and return what it was. Raises NotFound."""
        tag = cls.find(id)
        moment = now()
        clients = _touch_clients(moment, id).rowcount
        kept = {"tag": cls.rows("id", id)[0], "links": _links.all(id)}
        cls.delete_row(id)
        events.affect(clients=clients, tags=1)
        gone = events.deleted(tag)
        keep(events.write(events.TAG, "deleted", id, gone, time=moment, clients=clients), kept)
        return tag

    @classmethod
    def restore(cls, row: Mapping[str, Any]) -> Record:
        """Bring a tag back whose row was kept. Raises peewee.IntegrityError for its title."""
        id, moment = row["id"], now()
        keys = {"title_key": fold(row["title"]), "title_plain": plain(row["title"])}
        cls.insert_kept(row, **keys, updated=moment)
        tag = cls.find(id)
        events.write(events.TAG, "created", id, events.created(tag), time=moment)
        return tag


class ClientTag(BaseModel):
    client = peewee.DeferredForeignKey("Client", on_delete="CASCADE", backref="+", index=False)
    position = peewee.IntegerField()
    tag = peewee.ForeignKeyField(Tag, on_delete="CASCADE", backref="+", index=False)

    class Meta:
        # In the order in which the tags of a client are read: nothing is left to be sorted.
        primary_key = peewee.CompositeKey("client", "position")
        indexes = ((("tag", "client"), True),)

    @classmethod
    def replace_all(cls, client_id: int | None, titles: Iterable[str]) -> None:
        """Make `titles` the tags of a client, in this order; of two spellings the first counts."""
        _unlink_all(client_id)
        cls.append(client_id, titles)

    @classmethod
    def add(cls, client_id: int | None, titles: Iterable[str]) -> None:
        """Add tags behind those that a client has. Raises Invalid for more than it may have."""
        (count, last), *_ = _extent.all(client_id)
        has = {row[0] for row in _keys.all(client_id)}
        new = [title for title in titles if fold(title) not in has]
        if count + len({fold(title) for title in new}) > MOST_PER_CLIENT:
            raise Invalid(tags="max_items")
        cls.append(client_id, new, (last or 0) + 1)

    @classmethod
    def take(cls, client_id: int | None, title: str) -> None:
        """Take one tag off a client. Raises NotFound if it has no such tag."""
        if not _unlink(client_id, fold(title)).rowcount:
            raise NotFound("tag")

    @classmethod
    def append(cls, client_id: int | None, titles: Iterable[str], position: int = 0) -> None:
        """Add tags that a client does not have, the first of them at `position`."""
        links = enumerate(Tag.named(titles), position)
        values = [value for place, tag_id in links for value in (client_id, place, tag_id)]
        if values:
            _link(*values)


def same_titles(titles: Iterable[str], others: Iterable[str]) -> bool:
    """Tell whether titles are the same tags in the same order."""
    return list(dict.fromkeys(map(fold, titles))) == [fold(title) for title in others]


_COUNT = ClientTag.select(peewee.fn.COUNT(peewee.SQL("*"))).where(ClientTag.tag == Tag.id)

reader = Reader(
    "tag",
    Tag,
    (Tag.id, Tag.title, _COUNT.alias("count"), Tag.created, Tag.updated),
    conditions={"search": lambda needle: peewee.fn.INSTR(Tag.title_plain, needle) > 0},
    sorts={"title": Tag.title_plain, "count": _COUNT, "created": Tag.created},
)


@prepared
def _id_by_key(key):
    return Tag.select(Tag.id).where(Tag.title_key == key)


@prepared
def _ids_by_key(*keys):
    return Tag.select(Tag.title_key, Tag.id).where(Tag.title_key.in_(keys))


@prepared
def _links(tag_id):
    rows = ClientTag.select(ClientTag.client, ClientTag.position)
    return rows.where(ClientTag.tag == tag_id).order_by(ClientTag.client)


@prepared
def _link(*values):
    rows = [values[start : start + 3] for start in range(0, len(values), 3)]
    return ClientTag.insert_many(rows, (ClientTag.client, ClientTag.position, ClientTag.tag))


@prepared
def _move_links(target, source):
    # A client that has both keeps its link to the target; the other goes with the source.
    has_target = ClientTag.select(ClientTag.client).where(ClientTag.tag == target)
    return ClientTag.update({ClientTag.tag: target}).where(
        ClientTag.tag == source, ClientTag.client.not_in(has_target)
    )


@prepared
def _touch_clients(moment, id):
    # The model of clients is built on this one, so here the table stands for it.
    clients = peewee.Table("client", ("id", "updated"))
    marked = ClientTag.select(ClientTag.client).where(ClientTag.tag == id)
    return clients.update({clients.updated: moment}).where(clients.id.in_(marked))


@prepared
def _unlink_all(client_id):
    return ClientTag.delete().where(ClientTag.client == client_id)


@prepared
def _unlink(client_id, key):
    tag = Tag.select(Tag.id).where(Tag.title_key == key)
    return ClientTag.delete().where(ClientTag.client == client_id, ClientTag.tag == tag)


@prepared
def _extent(client_id):
    return ClientTag.select(
        peewee.fn.COUNT(peewee.SQL("*")), peewee.fn.MAX(ClientTag.position)
    ).where(ClientTag.client == client_id)


@prepared
def _keys(client_id):
    return Tag.select(Tag.title_key).join(ClientTag).where(ClientTag.client == client_id)
