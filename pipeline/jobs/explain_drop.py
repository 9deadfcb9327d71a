"""Say why an artefact loses points, from what the two jobs before have found: the last part of explaining a drop.

    python -m pipeline.jobs.explain_drop --name cats --artefact tflite --records-dir input/tf_records/cats \\
        --artefact-dir output/cats/.cache/explain/artefact --reference-dir output/cats/.cache/explain/reference \\
        --frozen-dir output/cats/frozen --evaluation-dir output/cats/evaluation --out output/cats/explain

out/drop.json   everything, each layer in the file's order (see pipeline/explain/verdict.py)
out/drop.html   the same with a picture of the error by layer
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from pipeline.explain.verdict import Folders, explain
from pipeline.jobs import run
from pipeline.receipts import write_json
from pipeline.report.drop_page import render_drop_page
from pipeline.report.drop_table import render_drop
from pipeline.report.screen import say

CHECKPOINT = "tensorflow/checkpoint.jsonl"


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse flags, judge, write both files, show the result."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.jobs.explain_drop", description=__doc__.splitlines()[0])
    for name in ("--name", "--artefact"):
        parser.add_argument(name, required=True)
    for name in ("--records-dir", "--artefact-dir", "--reference-dir", "--frozen-dir", "--evaluation-dir", "--out"):
        parser.add_argument(name, type=Path, required=True)
    flags = parser.parse_args(arguments)
    folders = Folders(
        artefact=flags.artefact_dir,
        reference=flags.reference_dir,
        records=flags.records_dir,
        frozen=flags.frozen_dir,
        checkpoint=flags.evaluation_dir / CHECKPOINT,
    )
    found = explain(folders, name=flags.name, artefact=flags.artefact)
    flags.out.mkdir(parents=True, exist_ok=True)
    write_json(str(flags.out / "drop.json"), found)
    (flags.out / "drop.html").write_text(render_drop_page(found), encoding="utf-8", newline="\n")
    say(render_drop(found))


if __name__ == "__main__":
    run(main)
