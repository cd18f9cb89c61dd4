"""Ways of keeping records in a file."""
