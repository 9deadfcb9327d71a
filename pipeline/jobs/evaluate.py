"""Show what every artefact scores, and end with exit code 4 when one is further from its checkpoint than it may be.

    python -m pipeline.jobs.evaluate --name cats --metrics-file output/cats/evaluation/metrics.json

It reads metrics.json (`pipeline.jobs.metrics`) and writes nothing: a run of it that ended well is what says that all
limits hold, so one that did not is done, and fails, again each time until an artefact or a limit is another.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from pipeline.errors import StageError
from pipeline.explain.artefacts import find_command
from pipeline.fidelity.limits import describe_break, describe_notes
from pipeline.jobs import run
from pipeline.receipts import read_json
from pipeline.report.artefact_table import render_artefact_table
from pipeline.report.screen import say


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse flags, show the tables and what is worth a note; raises StageError when a limit is broken."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.jobs.evaluate", description=__doc__.splitlines()[0])
    parser.add_argument("--name", required=True, help="the run, for the commands that hints name")
    parser.add_argument("--metrics-file", type=Path, required=True)
    flags = parser.parse_args(arguments)
    metrics = read_json(str(flags.metrics_file))
    if metrics is None:
        raise StageError(f"{flags.metrics_file} is not there, or no JSON", hint=f"make evaluate NAME={flags.name}")
    say(render_artefact_table(metrics))
    for note in describe_notes(metrics):
        say(f"note: {note}")
    broken = [entry for entry in metrics if entry["verdict"] == "broken"]
    if broken:
        accepted = ",".join(
            f"{entry['artefact']}={min(abs(entry['difference_points']) + 0.1, 100):.3g}" for entry in broken
        )
        looking = find_command(flags.name, (entry["artefact"] for entry in broken))
        says_where = f"{looking} says where it is lost; " if looking else ""
        raise StageError("\n".join(map(describe_break, broken)), hint=f"{says_where}TOLERANCE={accepted} accepts it")


if __name__ == "__main__":
    run(main)
