"""Keep a copy of all records by reading /events alone: python mirror.py http://…/api KEY

A record is kept flat, its members by name (`billing.city`), without those that are null.
"""

import json
import sys
import time
import urllib.request

OF_EVENTS = {"merged", "target_id", "users"}  # what is no member of a record


class Mirror:
    """A copy of what an API holds. In: its address, a key that may read, where to go on from."""

    def __init__(self, url, key, position=""):
        self.url, self.key, self.position = url, key, position
        self.records = {"client": {}, "tag": {}, "category": {}}  # by kind, then by id

    def read(self):
        """Read on until there is nothing more; an HTTPError 410 says to begin anew."""
        more = True
        while more:
            url = f"{self.url}/events?limit=1000&after={self.position}"
            request = urllib.request.Request(url, headers={"Authorization": f"Bearer {self.key}"})
            with urllib.request.urlopen(request) as response:  # nosec B310 # who calls says where
                page = json.load(response)
            for event in page["data"]:
                self.apply(event)
            self.position, more = page["meta"]["next"], page["meta"]["more"]

    def apply(self, event):
        kind, id, time = event["object"], event["object_id"], {"dates.updated": event["time"]}
        new = {name: value for name, (_, value) in (event["changes"] or {}).items()}
        was = self.records.setdefault(kind, {}).pop(id, {})
        if not event["erased"] and not event["type"].endswith((".deleted", ".revoked")):
            record = {n: v for n, v in {**was, **new, **time}.items() if v is not None}
            self.records[kind][id] = {n: v for n, v in record.items() if n not in OF_EVENTS}
        if event["type"] == "category.migrated":
            self.records["category"][new["target_id"]].update(time)
        if event["clients"]:  # something that clients show has changed with it
            for client in self.records["client"].values():
                if self.follow(client, event["type"], id, was, new):
                    client.update(time)

    def follow(self, client, type, id, was, new):
        """Change what a client shows of another record; tell whether it shows it."""
        if type == "custom_field.deleted":
            return client.pop(f"custom_fields.{was['name']}", None) is not None
        if type == "category.migrated":
            shows = client["category.id"] == id
            client["category.id"] = new["target_id"] if shows else client["category.id"]
            return shows
        old = self.records["tag"][new["merged"][0]]["title"] if "merged" in new else was["title"]
        title = None if type == "tag.deleted" else new.get("title", was["title"])
        shows = old in client["tags"]
        named = dict.fromkeys(title if tag == old else tag for tag in client["tags"])
        if old != title and title in client["tags"]:  # both: the other one keeps its place
            named = dict.fromkeys(tag for tag in client["tags"] if tag != old)
        client["tags"] = [tag for tag in named if tag is not None]
        return shows


if __name__ == "__main__":
    mirror = Mirror(*sys.argv[1:3])
    while True:
        mirror.read()
        print({kind: len(of_kind) for kind, of_kind in mirror.records.items()}, mirror.position)
        time.sleep(2)
