"""One training run: the graph, the loop, what it watches, what it shows."""
