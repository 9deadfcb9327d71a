"""Images as they lie in a dataset: their bytes, their headers, and the frame in which their boxes are drawn."""
