"""What the Edge TPU makes of a .tflite file, told from the file alone, and what its compiler's log says."""
