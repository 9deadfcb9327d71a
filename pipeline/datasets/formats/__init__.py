"""The dataset formats, a package each, whose module `dataset` recognises and reads a folder; registry.py lists them."""
