"""Pascal VOC: an XML file for each image, and lists of which image is in which split."""
