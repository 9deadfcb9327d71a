"""Checkpoints on disk: which are whole, which is best, what comes along from pretrained ones."""
