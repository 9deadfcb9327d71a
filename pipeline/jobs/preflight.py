"""Say of a run's detect.tflite what the Edge TPU would make of it: output/NAME/edgetpu/preflight.json.

    python -m pipeline.jobs.preflight --tflite-dir output/cats/tflite \\
        --preflight-file output/cats/edgetpu/preflight.json

An export does not fail because of it: the model still runs, on the CPU. The file is as `pipeline.preflight.report`
shows it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from pipeline.jobs import run
from pipeline.preflight.report import preflight_file
from pipeline.receipts import write_json
from pipeline.report.preflight_table import summarize_preflight
from pipeline.report.screen import say


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse flags, judge the model, write the file, show the sum and what is in the way."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.jobs.preflight", description=__doc__.splitlines()[0])
    parser.add_argument("--tflite-dir", type=Path, required=True)
    parser.add_argument("--preflight-file", type=Path, required=True)
    flags = parser.parse_args(arguments)
    found = preflight_file(flags.tflite_dir / "detect.tflite").to_json()
    write_json(str(flags.preflight_file), found)
    for line in summarize_preflight(found):
        say(line)


if __name__ == "__main__":
    run(main)
