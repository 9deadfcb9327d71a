"""LabelMe: a JSON file for each image, which names the image and may hold it too."""
