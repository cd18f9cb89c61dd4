"""The reader: a network that predicts how likely each word is wrong, and how unnatural a sentence is.

`pieces` splits words into subword pieces, `weights` unpacks the weights, `reader` runs the network. Training is in
`garble.training.network`.
"""
