"""Detect in many pictures, whatever the runtime, and write down what was found: a journal.

The scripts detect_graph.py (TensorFlow) and detect_tfjs_images.py (TensorFlow.js in Node) load a model and leave the
rest to `run`. Broken images are named and skipped; the exit code is then 3, and the journal holds all others. What
an interrupted run found is kept. `python -m pipeline.jobs.detect_images --found JOURNAL` makes the results of it.
"""

import os
import time

import numpy as np
from screen import Progress, fail, format_duration, say

from pipeline.core_count import count_cores
from pipeline.detecting.journal import Journal, stamp, to_rows
from pipeline.detecting.tiles import detect_in_tiles, parse_grid
from pipeline.detections.decode import decode_rgb
from pipeline.detections.image_folder import (
    check_images,
    describe_broken,
    describe_problem,
    find_images,
    is_video,
    list_files,
    map_ahead,
)  # fmt: skip


def add_flags(parser):
    """Add the flags that say where the pictures are, and where to write."""
    parser.add_argument("--images", required=True, help="a folder, walked with its subfolders, or an image")
    parser.add_argument("--list", help="a JSON list of file names below --images (default: all)")
    parser.add_argument("--frames", help="a folder with the frames of videos, as extract_frames makes it")
    parser.add_argument("--found", required=True, help="the journal to write")
    parser.add_argument("--least-score", type=float, default=0.0, help="boxes below it are left out (default: 0)")
    parser.add_argument("--tiles", help="columns and rows: 2x2")
    parser.add_argument("--threads", type=int, default=0, help="images at a time (default: the runtime's own)")


def find_pictures(flags):
    """Return the image files and the frames that were extracted of videos; ends the job where there are none."""
    files = list_files(flags.images, listed=flags.list, skip=os.path.dirname(os.path.abspath(flags.found)))
    problem = check_images(flags.images, files)
    if problem:
        fail(problem, exit_code=3)
    pictures = [file for file in files if not is_video(file.name)]
    return pictures + (find_images(flags.frames) if flags.frames and os.path.isdir(flags.frames) else [])


def run(load, flags, model, pictures, threads):
    """Load the detector where there is something left to do, and detect in every picture.

    `load()` returns a function from pixels [height, width, 3] to (detections, milliseconds); `model` is the path whose
    stamp tells one model from another.
    """
    grid = parse_grid(flags.tiles) if flags.tiles else None
    identity = {"model": model, "stamp": stamp(model), "tiles": flags.tiles, "least_score": flags.least_score}
    journal = Journal(flags.found, identity)
    left = [picture for picture in pictures if not journal.has(picture)]
    if len(left) < len(pictures):
        say("{} of {} pictures are done already".format(len(pictures) - len(left), len(pictures)))
    broken = detect_in(load(), left, journal, flags, grid, threads) if left else 0
    journal.close()
    if broken:
        if broken == len(pictures):
            os.remove(flags.found)
        fail(describe_broken(broken, len(pictures)), exit_code=3)


def detect_in(detect, pictures, journal, flags, grid, threads):
    """Detect in every picture, several at a time, and write them down in order; return how many were broken."""
    # The first run of a graph is slow: TensorFlow optimizes it then
    detect(np.zeros((32, 32, 3), np.uint8))

    def detect_one(pixels):
        return [found for found in detect(pixels)[0] if found.score >= flags.least_score]

    def detect_file(file):
        pixels = decode_rgb(file.path)
        return pixels.shape, detect_in_tiles(detect_one, pixels, grid) if grid else detect_one(pixels)

    broken = 0
    began = time.time()
    with Progress("detect", len(pictures), "image") as progress:
        for done, (file, result, error) in enumerate(map_ahead(detect_file, pictures, threads or count_cores()), 1):
            if error is not None:
                broken += 1
                say("skipped {}: {}".format(file.name, describe_problem(error)))
            else:
                (height, width, _), found = result
                journal.add(file, width=width, height=height, detections=to_rows(found))
            progress.update(done)
    seconds = time.time() - began
    count = len(pictures)
    say("{} images in {} ({:.1f} images/s)".format(count, format_duration(seconds), count / max(seconds, 1e-9)))
    return broken
