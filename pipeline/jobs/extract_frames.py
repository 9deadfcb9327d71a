"""Take the frames of videos out as images, for a runtime that reads no videos: TensorFlow 1 and Node.

    python -m pipeline.jobs.extract_frames --images clips --frames output/found/.frames --every 5

FRAMES/a/clip.mp4/000000.jpg, 000005.jpg, ...: JPEG of quality 95. A video that breaks off is named and its frames up to
there are kept; one that was extracted before is left as it is.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from pipeline.datasets.files.disk import written_aside
from pipeline.detecting.journal import Journal
from pipeline.detecting.videos import describe_video, frame_name, read_frames
from pipeline.detections.image_folder import ImageFile, describe_problem, is_video, list_files
from pipeline.errors import DataError
from pipeline.jobs import run
from pipeline.report.screen import Progress, say

JOURNAL = "frames.journal"


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse flags, extract."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.jobs.extract_frames", description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, required=True, help="a folder, walked with its subfolders")
    parser.add_argument("--list", help="a JSON list of file names below --images (default: all)")
    parser.add_argument("--frames", type=Path, required=True, help="where to write")
    parser.add_argument("--every", type=int, default=1, help="every n-th frame (default: 1)")
    flags = parser.parse_args(arguments)
    videos = [file for file in list_files(str(flags.images), listed=flags.list) if is_video(file.name)]
    journal = Journal(str(flags.frames / JOURNAL), {"every": flags.every})
    broken = 0
    for video in videos:
        if journal.has(video):
            continue
        shutil.rmtree(flags.frames / video.name, ignore_errors=True)
        try:
            extract(video, flags.frames, every=flags.every)
            journal.add(video)
        except DataError as error:
            broken += 1
            say(f"cut short: {describe_problem(error)}")
    journal.close()
    if broken:
        raise DataError(f"{broken} of {len(videos)} videos could not be read to their end; they are named above")


def extract(video: ImageFile, folder: Path, *, every: int) -> None:
    """Write every n-th frame of a video; raises DataError where it breaks off."""
    facts = describe_video(Path(video.path))
    (folder / video.name).mkdir(parents=True, exist_ok=True)
    total = -(-facts.frames // every) if facts.frames else 0
    with Progress(f"frames of {video.name}", total=total, unit="frame") as progress:
        for number, frame in enumerate(read_frames(Path(video.path), every=every), 1):
            path = folder / frame_name(video.name, frame.number)
            with written_aside(path) as partial:
                Image.fromarray(frame.pixels).save(partial, format="JPEG", quality=95, subsampling=0)
            progress.update(number)


if __name__ == "__main__":
    run(main)
