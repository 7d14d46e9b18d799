"""The systems that are compared, each in a file of its own."""
