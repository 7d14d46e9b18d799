"""What an operator looks after: backups, checks, metrics, demo data."""
