"""Training or testing: what a dataset says of its images, and how those are split of which it says nothing."""
