"""What garble catches and what it costs in good text, beside other people's filters: `python -m benchmarks.quality`."""
