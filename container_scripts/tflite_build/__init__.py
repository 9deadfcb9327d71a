"""A TFLite detector made: converted, its ranges measured on images, described for those who load it, and checked."""
