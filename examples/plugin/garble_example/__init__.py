"""An example of a garble plugin."""
