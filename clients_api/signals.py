"""What an embedding application may listen to.

Sent after the commit, whoever made the change, whenever what a client shows has changed:
by its own calls, by those of contacts, tags, categories and custom fields, and by commands. With
`client`, the object as the API shows it now, as a dict; for a deleted one as it was before. What a
transaction did to one client is told once.
"""

from blinker import Namespace

_signals = Namespace()

client_created = _signals.signal("client-created")
client_updated = _signals.signal("client-updated")
client_deleted = _signals.signal("client-deleted")
