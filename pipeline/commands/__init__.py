"""The verbs of the command line, one module each. A verb plans, runs a chain, and says what came of it."""
