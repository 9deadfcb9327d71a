"""Supervisely projects: a meta.json for all of it, and a JSON file for each image."""
