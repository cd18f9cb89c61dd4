"""Models: the scorecard, and where its files are."""
