"""Datasets in one file: what kind it is, and how it is unpacked without harm."""
