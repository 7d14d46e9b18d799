"""What an embedding application may listen to.

Sent after the commit, whoever made the change: its own calls and code, and commands.

`changed` is sent for each event, with `event` as the API shows it. The others are sent whenever
what a client shows has changed, be it by a change of a contact, a tag, a category or a custom
field; with `client`, the object as the API shows it now, as a dict; for a deleted one as it was
before. What a transaction did to one client is told once.
"""

from blinker import Namespace

_signals = Namespace()

changed = _signals.signal("changed")
client_created = _signals.signal("client-created")
client_updated = _signals.signal("client-updated")
client_deleted = _signals.signal("client-deleted")
