"""Write the report of a run: how well it detects, what goes wrong, and what to do next.

    python -m pipeline.jobs.report --name cats --run-dir output/cats --records-dir input/tf_records/cats \\
        --tf-csv-dir input/tf_csv/cats --report-file output/cats/report.html

It tells of whatever is there: a run that was not evaluated has a page of its training.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from pipeline.jobs import run
from pipeline.report.screen import Progress
from pipeline.run_report.page import render_report, write_page
from pipeline.run_report.run_data import read_run_data
from pipeline.run_report.run_files import RunFiles, read_run_files
from pipeline.run_report.shown_images import show_images


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse flags, read the run, write the page."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.jobs.report", description=__doc__.splitlines()[0])
    parser.add_argument("--name", required=True, help="the run's name")
    parser.add_argument("--run-dir", type=Path, required=True, help="its folder, output/NAME")
    parser.add_argument("--records-dir", type=Path, required=True)
    parser.add_argument("--tf-csv-dir", type=Path, help="the dataset as tables; the page is less without")
    parser.add_argument("--report-file", type=Path, required=True)
    flags = parser.parse_args(arguments)
    files = read_run_files(flags.run_dir, flags.name)
    with Progress("report", total=_count_images(files)) as progress:
        data = read_run_data(
            files, records_dir=flags.records_dir, tf_csv_dir=flags.tf_csv_dir, progress=progress.update
        )
        images = show_images(data, records_dir=flags.records_dir)
    write_page(flags.report_file, render_report(data, images))


def _count_images(files: RunFiles) -> int:
    if files.detections is None:
        return 0
    with files.detections.open("rb") as file:
        return max(sum(1 for _ in file) - 1, 0)


if __name__ == "__main__":
    run(main)
