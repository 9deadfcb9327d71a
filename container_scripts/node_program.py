"""Where Node.js is. Python 3.6 and standard library only."""

import os
import sys


def find_node():
    """Return the Node.js that ODPIPE_NODE names, the one beside this interpreter, else the one on PATH."""
    beside = os.path.join(os.path.dirname(sys.executable), "node")
    return os.environ.get("ODPIPE_NODE") or (beside if os.path.exists(beside) else "node")
