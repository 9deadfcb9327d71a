"""The report of a run, output/NAME/report.html: how good the model is, what it gets wrong, and what to do next."""
