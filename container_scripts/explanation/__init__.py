"""Comparing an artefact with the checkpoint's graph, layer by layer: explain_tensors.py puts the parts together."""
