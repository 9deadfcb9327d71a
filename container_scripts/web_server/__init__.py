"""The parts of the server of the browser page: which file an address names, the list of models, the answers."""
