"""Give the scripts in this folder what they import, with any Python 3 they are started with.

The pipeline needs Python 3.10 and the packages of dockerfiles/requirements/pipeline.txt. Where the running
Python lacks them and `make setup` has made .envs/pipeline, the script is started again with that
environment's Python.
"""

# ruff: noqa: UP032, UP036 -- it must run under any Python 3, to say that another one is needed
import importlib.util
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ENVIRONMENT = os.path.join(ROOT, ".envs", "pipeline")


def prepare():
    """Put the project on the import path, or start this script again where its imports are to be had."""
    sys.path.insert(0, ROOT)
    missing = _find_missing()
    if not missing:
        return
    python = os.path.join(ENVIRONMENT, "bin", "python")
    if os.path.exists(python) and os.path.realpath(sys.prefix) != os.path.realpath(ENVIRONMENT):
        os.execv(python, [python] + sys.argv)
    sys.stderr.write("error: {} needs {}\n".format(sys.argv[0], missing))
    sys.stderr.write("hint: make setup (it makes .envs/pipeline, which this script then uses by itself)\n")
    raise SystemExit(2)


def _find_missing():
    if sys.version_info < (3, 10):
        return "Python 3.10 or newer; this is {}.{}".format(*sys.version_info[:2])
    for package in ("google_crc32c", "numpy", "PIL"):
        if importlib.util.find_spec(package) is None:
            return "the Python package {}, which {} does not have".format(package, sys.executable)
    return None
