"""Webhooks: what is sent of an event, signed and to checked addresses, and who sends it."""
