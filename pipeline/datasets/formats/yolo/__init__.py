"""YOLO: a text file for each image, a line an object, and another file that names the classes."""
