"""What can be told of a dataset once it is read: its images decoded, its boxes and labels looked over."""
