"""The commands of `clients-api`, by subject. Each module lists its own in COMMANDS."""
