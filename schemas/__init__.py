"""What may come in and what goes out, described once: validation, answers and documentation."""
