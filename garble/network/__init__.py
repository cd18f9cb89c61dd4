"""The reader: a network that says of each word how likely it is wrong, and of a sentence how bad it is.

`pieces` cuts words into pieces, `weights` unpacks the network's numbers, `reader` reads with it. What teaches one is in
`garble.training.network`.
"""
