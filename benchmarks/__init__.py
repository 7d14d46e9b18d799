"""What measures speed and loads real data, run by hand: `python -m benchmarks` and others here."""
