"""Forgetting: at once what somebody asks to, and by and by what is kept for a time only."""
