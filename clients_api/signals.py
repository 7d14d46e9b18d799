"""What an embedding application may listen to.

Sent after the commit, with `client`, the object that the API returned, as a dict; for a deleted
one as it was before.
"""

from blinker import Namespace

_signals = Namespace()

client_created = _signals.signal("client-created")
client_updated = _signals.signal("client-updated")
client_deleted = _signals.signal("client-deleted")
