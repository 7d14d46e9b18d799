"""Mail that was queued with a change: its message, its ways out, and who delivers it."""
