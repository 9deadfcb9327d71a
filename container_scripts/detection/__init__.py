"""Boxes out of checkpoints and frozen graphs, and the metrics of them while training."""
