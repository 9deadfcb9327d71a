"""Time a run's frozen graph or SavedModel on its test images, one at a time, in a process of its own.

    python container_scripts/benchmark_graph.py --artefact saved_model --path output/cats/frozen/saved_model \\
        --records-dir input/tf_records/cats --threads 1 --images 50 --result saved_model.json

writes {"runtime": "tensorflow 1.15.5", "load_ms": 812.5, "first_ms": 640.1, "ms": [31.9, 32.2, ...]}
`ms` goes from the decoded image to the boxes; what comes before the third answer is warming up and not among them.
"""

import argparse
import glob
import itertools
import json
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")

import tensorflow as tf
from detection import graph_runtime
from detection.image_decoder import ImageDecoder
from screen import Progress, fail

LOADERS = {"frozen_graph": graph_runtime.load_frozen_graph, "saved_model": graph_runtime.load_saved_model}
WARM_UP = 2


def main():
    """Parse flags, load, time, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--artefact", choices=sorted(LOADERS), required=True)
    for name in ("--path", "--records-dir", "--result"):
        parser.add_argument(name, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--images", type=int, default=50)
    flags = parser.parse_args()
    tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)
    config = graph_runtime.session_config(flags.threads, 1)
    images = read_images(flags.records_dir, flags.images, config)
    began = time.perf_counter()
    detector = LOADERS[flags.artefact](flags.path, config)
    load_ms = (time.perf_counter() - began) * 1000
    times = []
    with Progress("benchmark {}".format(flags.artefact), total=len(images)) as progress:
        first_ms = detector.detect(images[0])[1]
        for image in itertools.islice(itertools.cycle(images), WARM_UP):
            detector.detect(image)
        for image in images:
            times.append(detector.detect(image)[1])
            progress.update(len(times))
    answer = {"runtime": graph_runtime.RUNTIME, "load_ms": load_ms, "first_ms": first_ms, "ms": times}
    with open(flags.result, "w", encoding="utf-8") as file:
        json.dump(answer, file)


def read_images(records_dir, count, config):
    """Decode that many of the test images, the same ones again when there are fewer."""
    decoder = ImageDecoder(config)
    decoded = []
    for path in sorted(glob.glob(os.path.join(records_dir, "test.record-*"))):
        for serialized in tf.compat.v1.io.tf_record_iterator(path):
            if len(decoded) < count:
                decoded.append(decoder.decode(tf.train.Example.FromString(serialized).features.feature))
    if not decoded:
        fail("the test records in {} hold no image".format(records_dir), exit_code=3)
    return list(itertools.islice(itertools.cycle(decoded), count))


if __name__ == "__main__":
    main()
