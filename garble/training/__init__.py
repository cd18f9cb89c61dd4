"""From labelled records to a model; nothing here runs when texts are scored."""
