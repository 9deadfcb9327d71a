"""Labelled images in: every dataset format is read into one model, split, and written as tf_csv.

A format is one module with `NAME`, `mismatch(root)` and `read(root, problems)`, and one line in `formats.py`.
"""
