"""What `python input/generate_tfrecord.py` does: one csv file of boxes into a TFRecord file, or some shards."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from pipeline.datasets.files.disk import written_aside
from pipeline.datasets.label_map import read_label_ids
from pipeline.datasets.tf_csv import read_csv
from pipeline.errors import ConfigError, DataError
from pipeline.records.examples import Packing
from pipeline.records.writer import write_records
from pipeline.report.screen import Progress, say

_SHARDED = re.compile(r"(?P<base>.+?)(?:@(?P<count>\d+)|-\?{5}-of-(?P<of>\d{5}))")


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse flags, write the records in the order of the csv file, and say what was written."""
    parser = argparse.ArgumentParser(prog="generate_tfrecord.py", description=__doc__.splitlines()[0])
    parser.add_argument("--csv_input", "--csv-input", type=Path, required=True, help="csv file of boxes")
    parser.add_argument(
        "--output_path", "--output-path", required=True, help="TFRecord file to write; name@N for shards"
    )
    parser.add_argument("--img_path", "--img-path", type=Path, required=True, help="folder of the images")
    parser.add_argument("--label_map", "--label-map", type=Path, required=True, help="label_map.pbtxt")
    flags = parser.parse_args(arguments)
    paths = parse_output_path(flags.output_path)
    label_ids = read_label_ids(flags.label_map)
    images = read_csv(flags.csv_input, flags.img_path)
    if not images:
        raise DataError(f"{flags.csv_input} lists no images")
    with ExitStack() as stack, Progress("records", total=len(images)) as progress:
        asides = [stack.enter_context(written_aside(path)) for path in paths]
        # b"jpg" is what the published script wrote, and what records made with it have.
        written = write_records(
            asides,
            images,
            Packing(label_ids, jpeg_word="jpg"),
            shown=Path(flags.output_path),
            progress=progress.update,
        )
    for what, count in sorted((written.reencoded + written.notes).items()):
        say(f"note: {what}: {count} images")
    say(f"wrote {flags.output_path}: {written.images} images, {written.boxes} boxes")


def parse_output_path(text: str) -> list[Path]:
    """Name the files to write: train.record for itself, train.record@2 for train.record-0000{0,1}-of-00002."""
    match = _SHARDED.fullmatch(text)
    if match is None:
        return [Path(text)]
    count = int(match["count"] or match["of"])
    if not 1 <= count <= 99999:
        raise ConfigError(f"--output_path {text} asks for {count} shards; wanted 1 to 99999")
    return [Path(f"{match['base']}-{number:05d}-of-{count:05d}") for number in range(count)]
