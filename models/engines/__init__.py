"""All that only one database speaks: its connection, its file, its words of SQL."""
