"""What teaches a network to read; needs the extra `train-deep`.

`contrasts` makes damaged twins of clean sentences, `lessons` packs them, `encoder` is the network in PyTorch, `train`
teaches it, `shipping` writes it down.
"""
