"""What is known of a language, in a folder each."""
