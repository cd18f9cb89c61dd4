"""Benchmarks of garble. Run them from the root of a checkout: `python -m benchmarks.quality --data DIR`."""
