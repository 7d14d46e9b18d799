"""Clients into and out of files."""
