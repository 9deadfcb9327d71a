"""CVAT for images: one XML file for all images of a task or a project."""
