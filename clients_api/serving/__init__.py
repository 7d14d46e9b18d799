"""What this service has to say to a server: settings and hooks."""
