"""The stages of a night, each a function over plain records, and the training process."""
