"""A text's parts: blocks and their kinds, sentences, tokens, loops, and the language it is in."""
