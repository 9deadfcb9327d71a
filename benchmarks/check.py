"""The check that every image decodes, against a plain loop that only decodes.

    python benchmarks/check.py [--images 2000] [--rounds 3] [--photos FOLDER]

Ours: every core reads, hashes (SHA-256), decodes and takes a perceptual hash, as `make check` does.
The peer: one process, `Pillow.open(path); image.draft("L", (1, 1)); image.load()`, and nothing else.

Both read the same JPEGs, repeated to the number asked for: those of --photos, else the shared data's. They take turns;
medians are printed, the images a second of each core, and the ratios: of time, of it a core, and of processor time.
"""

from __future__ import annotations

import argparse
import itertools
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from photos import read_photos
from PIL import Image as Pillow

from pipeline.checks.inspectors import open_inspectors
from pipeline.core_count import count_cores


def main() -> None:
    """Let both take turns and print what they did."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--photos", type=Path, help="a folder of JPEGs (walked)")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if flags.photos is None:
            for number, photo in enumerate(read_photos()):
                (Path(name) / f"{number:05d}.jpg").write_bytes(photo)
        measure(find_photos(flags.photos or Path(name)), flags.images, flags.rounds)


def measure(photos: Sequence[Path], images: int, rounds: int) -> None:
    """Time both ways over the photos, repeated, and print the figures."""
    paths = [str(path) for path in itertools.islice(itertools.cycle(photos), images)]
    cores = count_cores()
    ways: dict[str, tuple[Callable[[], object], int]] = {
        "plain loop": (lambda: decode_all(paths), 1),
        "check": (lambda: inspect_all(paths, cores), cores),
    }
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    worked: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, (function, _) in ways.items():
            began, work = time.perf_counter(), processor_seconds()
            function()
            seconds[way].append(time.perf_counter() - began)
            worked[way].append(processor_seconds() - work)
    size = sum(path.stat().st_size for path in photos) // len(photos)
    print(f"{images} JPEGs of {size // 1000} KB ({len(photos)} different), {cores} cores, {rounds} rounds")
    rates = {way: images / statistics.median(seconds[way]) / used for way, (_, used) in ways.items()}
    for way, (_, used) in ways.items():
        taken = statistics.median(seconds[way])
        whole = f"{taken:7.2f} s  {images / taken:7.0f} images/s on {used} cores"
        print(f"{way:<10}  {whole}  {rates[way]:7.0f} images/s/core")
    times, work = (
        statistics.median(figures["plain loop"]) / statistics.median(figures["check"]) for figures in (seconds, worked)
    )
    print(f"ratio: check / plain loop, images/s = {times:.2f} with {cores} cores against one")
    print(f"ratio: check / plain loop, images/s/core = {rates['check'] / rates['plain loop']:.2f}")
    print(f"ratio: check / plain loop, images a second of processors = {work:.2f}")


def processor_seconds() -> float:
    """Return the processor seconds of this process, and of all that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def find_photos(folder: Path) -> list[Path]:
    """Return the JPEGs below a folder, sorted."""
    photos = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
    if not photos:
        raise SystemExit(f"error: no JPEGs in {folder}\nhint: --photos FOLDER")
    return photos


def decode_all(paths: Sequence[str]) -> None:
    """Decode as the check decodes, one after the other."""
    for path in paths:
        with Pillow.open(path) as image:
            image.draft("L", (1, 1))
            image.load()


def inspect_all(paths: Sequence[str], cores: int) -> None:
    """Inspect with all processes, which are started here."""
    with open_inspectors(cores) as inspectors:
        bad = sum(bool(found.kind) for found in inspectors.inspect([(path, None) for path in paths]))
    assert not bad, f"{bad} images do not decode"


if __name__ == "__main__":
    main()
