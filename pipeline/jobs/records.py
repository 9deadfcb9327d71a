"""Pack tf_csv into TFRecords: shards of about 100 MB, shuffled, the same bytes for the same input.

    python -m pipeline.jobs.records --tf-csv-dir input/tf_csv/cats --records-dir input/tf_records/cats

records.json counts what was written:
    {"train": {"images": 160, "boxes": 300, "shards": 1}, "test": {...}, "classes": {"cat": 340},
     "reencoded": {"PNG with transparency": 2}}
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pipeline.datasets.disk import explaining_full_disk, format_bytes, written_aside
from pipeline.datasets.label_map import read_label_map
from pipeline.datasets.model import Image, count_boxes
from pipeline.datasets.tf_csv import LABEL_MAP, read_csv
from pipeline.errors import ConfigError, DataError
from pipeline.jobs import run
from pipeline.records.writer import choose_shards, estimate_bytes, shuffle, write_records
from pipeline.report.screen import Progress, say

PARTS = ("train", "test")


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse flags, write both parts, and say what was written."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.jobs.records", description=__doc__.splitlines()[0])
    parser.add_argument("--tf-csv-dir", type=Path, required=True, help="folder that the dataset job wrote")
    parser.add_argument("--records-dir", type=Path, required=True, help="folder to write; must be new or empty")
    parser.add_argument("--shards", type=int, help="of each part (default: one for each 100 MB)")
    parser.add_argument("--seed", type=int, default=0, help="of the order of the images (default: 0)")
    parser.add_argument("--workers", type=int, help="processes (default: one a core)")
    flags = parser.parse_args(arguments)
    for name in ("shards", "workers"):
        if getattr(flags, name) is not None and getattr(flags, name) < 1:
            raise ConfigError(f"--{name} is {getattr(flags, name)}; wanted 1 or more")
    with written_aside(flags.records_dir) as folder:
        write_folder(
            flags.tf_csv_dir,
            folder,
            shown=flags.records_dir,
            shards=flags.shards,
            seed=flags.seed,
            workers=flags.workers,
        )


def write_folder(
    tf_csv_dir: Path,
    folder: Path,
    *,
    shown: Path | None = None,
    shards: int | None = None,
    seed: int = 0,
    workers: int | None = None,
) -> None:
    """Write all records of a tf_csv folder, label_map.pbtxt and records.json into a new folder.

    `shown` is the folder's name in messages, where it is written aside.
    """
    shown = shown or folder
    labels = read_label_map(tf_csv_dir / LABEL_MAP)
    label_ids = {label: number for number, label in enumerate(labels, start=1)}
    parts = {part: read_csv(tf_csv_dir / f"{part}.csv", tf_csv_dir / "images" / part) for part in PARTS}
    for part, images in parts.items():
        if not images:
            raise DataError(f"{tf_csv_dir / part}.csv lists no images", hint="make the dataset again")
    needed = sum(estimate_bytes(images) for images in parts.values())
    with explaining_full_disk(shown, needed):
        folder.mkdir(parents=True)
        shutil.copyfile(tf_csv_dir / LABEL_MAP, folder / LABEL_MAP)
    summary, reencoded, notes = _write_parts(
        parts, folder, label_ids, shown=shown, shards=shards, seed=seed, workers=workers
    )
    boxes = count_boxes(image for images in parts.values() for image in images)
    content = {
        **summary,
        "classes": {label: boxes[label] for label in label_ids},
        "reencoded": dict(sorted(reencoded.items())),
    }
    with explaining_full_disk(shown, needed):
        (folder / "records.json").write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    size = sum(path.stat().st_size for path in folder.iterdir())
    for part, counts in summary.items():
        say("records {}: {images} images, {boxes} boxes, {shards} shards".format(part, **counts))
    say(f"records take {format_bytes(size)}; encoded anew: {sum(reencoded.values())} images")
    for what, count in sorted(reencoded.items()):
        say(f"  {what}: {count}")
    for what, count in sorted(notes.items()):
        say(f"note: {what}: {count}")


def _write_parts(
    parts: dict[str, list[Image]],
    folder: Path,
    label_ids: dict[str, int],
    *,
    shown: Path,
    shards: int | None,
    seed: int,
    workers: int | None,
) -> tuple[dict[str, dict[str, int]], Counter[str], Counter[str]]:
    summary: dict[str, dict[str, int]] = {}
    reencoded: Counter[str] = Counter()
    notes: Counter[str] = Counter()
    done_before = 0
    with Progress("records", total=sum(map(len, parts.values()))) as progress:
        for part, images in parts.items():
            count = choose_shards(images, shards=shards)
            paths = [folder / f"{part}.record-{number:05d}-of-{count:05d}" for number in range(count)]
            written = write_records(
                paths,
                shuffle(images, seed=seed),
                label_ids,
                shown=shown / f"{part}.record",
                workers=workers,
                progress=lambda done, before=done_before: progress.update(before + done),  # type: ignore[misc]
            )
            done_before += written.images
            summary[part] = {"images": written.images, "boxes": written.boxes, "shards": count}
            reencoded.update(written.reencoded)
            notes.update(written.notes)
    return summary, reencoded, notes


if __name__ == "__main__":
    run(main)
