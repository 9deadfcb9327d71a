"""The command line: arguments in, exit code out.

    odpipe train --model ssd_mobilenet_v2_quantized --dataset input/supervisely

What is for people goes to standard error; with --json the result goes to standard output.
"""

from __future__ import annotations

# Each registers its verbs; this is their order in the help.
# isort: off
from pipeline.verbs import training  # noqa: F401
from pipeline.verbs import exporting  # noqa: F401
from pipeline.verbs import detecting  # noqa: F401
from pipeline.verbs import models  # noqa: F401
from pipeline.verbs import machine  # noqa: F401
from pipeline.verbs.app import app
# isort: on


def main() -> None:
    """Entry point of `odpipe` and `python -m pipeline`."""
    app()
