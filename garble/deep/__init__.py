"""The reader: a small network that says of each token how likely it is wrong.

`words` spells tokens for it, `reader` reads with it (extra `deep`). `lessons` makes what it learns from, `network` is
the network itself, `training` teaches it and writes it down (extra `train-deep`; `python -m garble.deep.training`).
"""
