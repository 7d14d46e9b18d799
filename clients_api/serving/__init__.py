"""What this service has to say to a server: settings, and hooks for its begin and its end."""
