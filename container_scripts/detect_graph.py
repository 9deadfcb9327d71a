"""Run any frozen graph of the Object Detection API over a folder of images: a detections file.

    python container_scripts/detect_graph.py --graph frozen_inference_graph.pb --labels label_map.pbtxt \
        --images photos --detections output/detection/detections.jsonl

`python -m pipeline.jobs.draw_detections` then makes the csv, the json and the annotated copies of it. Broken
images are named and skipped; the exit code is then 3, and the file holds all others.
"""

import argparse
import os
import time

import numpy as np
from screen import Progress, fail, format_duration, say

from pipeline.detections.decode import decode_rgb
from pipeline.detections.detections_file import DetectionsWriter, Header, ImageDetections
from pipeline.detections.image_folder import (
    check_images,
    count_cores,
    describe_broken,
    describe_problem,
    find_images,
    map_ahead,
)  # fmt: skip


def main():
    """Parse flags, detect, write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--graph", "--labels", "--images", "--detections"):
        parser.add_argument(name, required=True)
    parser.add_argument("--threads", type=int, default=0, help="images at a time (default: two a core)")
    flags = parser.parse_args()
    check_labels(flags.labels)
    files = find_images(flags.images, os.path.dirname(os.path.abspath(flags.detections)))
    problem = check_images(flags.images, files)
    if problem:
        fail(problem, exit_code=3)

    from detection import graph_runtime  # TensorFlow takes seconds to load; what is wrong above is said at once

    # Each session.run stays in its caller's thread and several callers run side by side: a detector's graph is
    # hundreds of small operations, too few at a time to fill the cores. CPU time an image is the same (12 to 15 ms at
    # 160x160), so the gain is the idle share of the cores; where other work fills them there is none.
    # benchmarks/detect.py measures it.
    config = graph_runtime.session_config(intra_op_threads=1, inter_op_threads=-1)
    detector = graph_runtime.load_frozen_graph(flags.graph, config)
    header = Header("frozen_graph", graph_runtime.RUNTIME, os.path.getsize(flags.graph))
    os.makedirs(os.path.dirname(os.path.abspath(flags.detections)), exist_ok=True)
    with DetectionsWriter(flags.detections, header) as writer:
        broken = detect(detector, files, writer, threads=flags.threads or 2 * count_cores())
    if broken == len(files):
        os.remove(flags.detections)
    if broken:
        fail(describe_broken(broken, len(files)), exit_code=3)


def check_labels(path):
    """Fail before the work when the label map is not one: its names are needed after it."""
    from google.protobuf import text_format
    from object_detection.protos import string_int_label_map_pb2

    try:
        with open(path, encoding="utf-8") as file:
            text_format.Parse(file.read(), string_int_label_map_pb2.StringIntLabelMap())
    except (OSError, UnicodeDecodeError, text_format.ParseError) as error:
        fail("{} is not a label map: {}".format(path, error), exit_code=3)


def detect(detector, files, writer, threads):
    """Detect in every image, several at a time, and write them in order; return how many were broken."""
    # TensorFlow optimizes a graph in its first run, which is slow and is not counted in any image's ms.
    detector.detect(np.zeros((32, 32, 3), np.uint8))

    def detect_file(file):
        image = decode_rgb(file.path)
        return image.shape, detector.detect(image)

    broken = 0
    began = time.time()
    with Progress("detect", len(files), "image") as progress:
        for done, (file, result, error) in enumerate(map_ahead(detect_file, files, threads), 1):
            if error is not None:
                broken += 1
                say("skipped {}: {}".format(file.name, describe_problem(error)))
            else:
                (height, width, _), (detections, ms) = result
                writer.write(ImageDetections(file.name, file.name, width, height, ms, detections))
            progress.update(done)
    seconds = time.time() - began
    say("{} images in {} ({:.1f} images/s)".format(len(files), format_duration(seconds), len(files) / seconds))
    return broken


if __name__ == "__main__":
    main()
