"""COCO: one JSON file for all images, or one a split."""
