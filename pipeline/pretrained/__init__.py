"""Weights to begin a training with: from the model zoo, a URL or a file, fetched once and checked each time."""
