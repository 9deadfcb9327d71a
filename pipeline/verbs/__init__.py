"""The verbs of `odpipe`: their arguments and their help. What they do is in pipeline/commands/.

To add one: a function here, a command there, a target in the Makefile.
"""
