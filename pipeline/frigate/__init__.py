"""A folder that Frigate, the video recorder, can use as it is: model, labels and what to paste into its settings."""
