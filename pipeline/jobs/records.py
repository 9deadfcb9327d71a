"""Pack tf_csv into TFRecords: shards of about 100 MB, shuffled, the same bytes for the same input.

    python -m pipeline.jobs.records --tf-csv-dir input/tf_csv/cats --records-dir input/tf_records/cats

Photos with a side longer than --max-side are shrunk, in both parts, and their boxes stay the same shares of the
image. --balance weighs the boxes of the train part by the rarity of their class. records.json counts what was written:
    {"train": {"images": 160, "boxes": 300, "shards": 1}, "test": {...}, "classes": {"cat": 340},
     "reencoded": {"PNG with transparency": 2}, "shrunk": 150}
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.core_count import count_cores
from pipeline.datasets.collection import collection_paused
from pipeline.datasets.files.disk import explaining_full_disk, format_bytes, written_aside
from pipeline.datasets.label_map import read_label_map
from pipeline.datasets.model import count_boxes
from pipeline.datasets.tf_csv import LABEL_MAP, read_csv
from pipeline.errors import ConfigError, DataError
from pipeline.jobs import run
from pipeline.records.balance import BALANCES, weigh_classes
from pipeline.records.examples import Packing
from pipeline.records.packers import Packers, open_packers
from pipeline.records.writer import Written, choose_shards, estimate_bytes, shuffle, write_records
from pipeline.report.screen import Progress, say

PARTS = ("train", "test")


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse flags, write both parts, and say what was written."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.jobs.records", description=__doc__.splitlines()[0])
    parser.add_argument("--tf-csv-dir", type=Path, required=True, help="folder that the dataset job wrote")
    parser.add_argument("--records-dir", type=Path, required=True, help="folder to write; must be new or empty")
    parser.add_argument("--shards", type=int, help="of each part (default: one for each 100 MB)")
    parser.add_argument("--seed", type=int, default=0, help="of the order of the images (default: 0)")
    parser.add_argument("--max-side", type=int, default=0, help="longest side in pixels; 0 (default) keeps all")
    parser.add_argument("--balance", choices=BALANCES, default="none", help="weights of train boxes (default: none)")
    parser.add_argument("--checked", action="store_true", help="all images are known to decode: do not check it again")
    parser.add_argument("--workers", type=int, help="processes (default: one a core)")
    flags = parser.parse_args(arguments)
    for name in ("shards", "workers"):
        if getattr(flags, name) is not None and getattr(flags, name) < 1:
            raise ConfigError(f"--{name} is {getattr(flags, name)}; wanted 1 or more")
    if flags.max_side < 0:
        raise ConfigError(f"--max-side is {flags.max_side}; wanted 0 or more")
    with (
        open_packers(flags.workers or count_cores()) as packers,
        written_aside(flags.records_dir) as folder,
    ):
        write_folder(
            flags.tf_csv_dir,
            folder,
            packers,
            shown=flags.records_dir,
            shards=flags.shards,
            seed=flags.seed,
            max_side=flags.max_side,
            balance=flags.balance,
            is_checked=flags.checked,
        )


def write_folder(
    tf_csv_dir: Path,
    folder: Path,
    packers: Packers,
    *,
    shown: Path | None = None,
    shards: int | None = None,
    seed: int = 0,
    max_side: int = 0,
    balance: str = "none",
    is_checked: bool = False,
) -> None:
    """Write all records of a tf_csv folder, label_map.pbtxt and records.json into a new folder.

    `shown` is the folder's name in messages, where it is written aside.
    """
    shown = shown or folder
    labels = read_label_map(tf_csv_dir / LABEL_MAP)
    with collection_paused():
        parts = {part: read_csv(tf_csv_dir / f"{part}.csv", tf_csv_dir / "images" / part) for part in PARTS}
    for part, images in parts.items():
        if not images:
            raise DataError(f"{tf_csv_dir / part}.csv lists no images", hint="make the dataset again")
    boxes = {part: count_boxes(images) for part, images in parts.items()}
    packing = Packing(
        {label: number for number, label in enumerate(labels, start=1)}, max_side=max_side, is_checked=is_checked
    )
    weights = weigh_classes(boxes["train"], balance=balance)
    packings = {"train": replace(packing, weights=weights), "test": packing}
    needed = {part: estimate_bytes(images) for part, images in parts.items()}
    with explaining_full_disk(shown, sum(needed.values())):
        folder.mkdir(parents=True)
        shutil.copyfile(tf_csv_dir / LABEL_MAP, folder / LABEL_MAP)
    summary: dict[str, dict[str, int]] = {}
    all_written = Written()
    with Progress("records", total=sum(map(len, parts.values()))) as progress:
        for part, images in parts.items():
            count = choose_shards(needed[part], len(images), shards=shards)
            written = write_records(
                [folder / f"{part}.record-{number:05d}-of-{count:05d}" for number in range(count)],
                shuffle(images, seed=seed),
                packings[part],
                shown=shown / f"{part}.record",
                packers=packers,
                needed_bytes=needed[part],
                progress=lambda done, before=all_written.images: progress.update(before + done),  # type: ignore[misc]
            )
            summary[part] = {"images": written.images, "boxes": written.boxes, "shards": count}
            all_written.add(written)
    content = {
        **summary,
        "classes": {label: boxes["train"][label] + boxes["test"][label] for label in labels},
        "reencoded": dict(sorted(all_written.reencoded.items())),
        "shrunk": all_written.shrunk,
    }
    with explaining_full_disk(shown, sum(needed.values())):
        (folder / "records.json").write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    size = sum(path.stat().st_size for path in folder.iterdir())
    for line in describe(summary, all_written, size, max_side=max_side, weights=weights):
        say(line)


def describe(
    summary: Mapping[str, Mapping[str, int]],
    written: Written,
    size: int,
    *,
    max_side: int,
    weights: Mapping[str, float],
) -> list[str]:
    """Format for people: what was written, what was changed on the way, and the weights of the classes."""
    lines = [
        f"records {part}: {counts['images']} images, {counts['boxes']} boxes, {counts['shards']} shards"
        for part, counts in summary.items()
    ]
    lines.append(f"records take {format_bytes(size)}; encoded anew: {sum(written.reencoded.values())} images")
    lines += [f"  {what}: {count}" for what, count in sorted(written.reencoded.items())]
    if written.shrunk:
        lines.append(f"shrunk to {max_side} pixels: {written.shrunk} images (MAX_SIDE=0 keeps them)")
    if weights:
        lines.append("weights: " + ", ".join(f"{label} {weight:.3g}" for label, weight in weights.items()))
    lines += [f"note: {what}: {count}" for what, count in sorted(written.notes.items())]
    return lines


if __name__ == "__main__":
    run(main)
