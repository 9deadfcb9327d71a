"""Everything that is shown to people or written for them to look at."""
