"""Run checkpoint, frozen graph and SavedModel over the test images: three detections files, one process.

    python container_scripts/detect_tensorflow.py --records-dir input/tf_records/cats \
        --train-dir output/cats/train --frozen-dir output/cats/frozen --detections-dir output/cats/detections

Each image is decoded once and every artefact gets the same pixels, at batch 1. `ms` is the time of
`session.run` alone, resizing included; a first call of each artefact is not counted. The memory in the headers is of
the one process that holds all three, and says so.
"""

import argparse
import glob
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")

import tensorflow as tf
from checkpoints import checkpoint_choice
from detection import checkpoint_detector, graph_runtime
from detection.test_images import ImageDecoder, read_facts
from screen import Progress, fail, say

from pipeline.detections.detections_file import DetectionsWriter, Header, ImageDetections, measure_size_bytes

CHUNK_BYTES = 256 * 1024 * 1024
"""Decoded images kept at once: artefacts take turns by chunk, not by image, so that caches stay warm."""


def main():
    """Parse flags, load the three artefacts, detect."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--records-dir", "--train-dir", "--frozen-dir", "--detections-dir"):
        parser.add_argument(name, required=True)
    flags = parser.parse_args()
    tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)

    records = sorted(glob.glob(os.path.join(flags.records_dir, "test.record-*")))
    if not records:
        fail("there are no test records (test.record-*) in {}".format(flags.records_dir), exit_code=3)
    total = sum(1 for path in records for _ in read_records(path))
    say("loading the checkpoint, the frozen graph and the SavedModel")
    artefacts = load_artefacts(flags.train_dir, flags.frozen_dir)
    os.makedirs(flags.detections_dir, exist_ok=True)
    writers = []
    for name, _, size_bytes in artefacts:
        path = os.path.join(flags.detections_dir, name + ".jsonl")
        header = Header(name, graph_runtime.RUNTIME, size_bytes, memory_shared=True)
        writers.append(DetectionsWriter(path, header))
    warm = False
    done = 0
    with Progress("evaluate tensorflow", total=total * len(artefacts), unit="image") as progress:
        for chunk in decode_in_chunks(records):
            for (name, detector, _), writer in zip(artefacts, writers):  # noqa: B905
                if not warm:
                    detector.detect(chunk[0][1])
                for facts, image in chunk:
                    detections, ms = detector.detect(image)
                    writer.write(ImageDetections(ms=ms, detections=detections, **facts))
                    done += 1
                    progress.update(done, note=name)
            warm = True
    for writer in writers:
        writer.close()
    if not done:
        fail("the test records in {} hold no images".format(flags.records_dir), exit_code=3)


def load_artefacts(train_dir, frozen_dir):
    """Load the three as (name, detector, size in bytes)."""
    frozen_graph = os.path.join(frozen_dir, "frozen_inference_graph.pb")
    saved_model = os.path.join(frozen_dir, "saved_model")
    checkpoint = checkpoint_choice.read_frozen_checkpoint(train_dir, frozen_dir)
    checkpoint_size = sum(measure_size_bytes(path) for path in glob.glob(glob.escape(checkpoint) + ".*"))
    return [
        (
            "checkpoint",
            checkpoint_detector.load_frozen_checkpoint(train_dir, frozen_dir, graph_runtime.session_config()),
            checkpoint_size,
        ),
        ("frozen_graph", graph_runtime.load_frozen_graph(frozen_graph), measure_size_bytes(frozen_graph)),
        ("saved_model", graph_runtime.load_saved_model(saved_model), measure_size_bytes(saved_model)),
    ]


def read_records(path):
    """Yield the serialized examples of one record file."""
    return tf.compat.v1.io.tf_record_iterator(path)


def decode_in_chunks(records):
    """Yield lists of (facts, image), as many images as fit into CHUNK_BYTES."""
    decoder = ImageDecoder(graph_runtime.session_config())
    chunk, size = [], 0
    for path in records:
        for serialized in read_records(path):
            feature = tf.train.Example.FromString(serialized).features.feature
            image = decoder.decode(feature)
            chunk.append((read_facts(feature, image), image))
            size += image.nbytes
            if size >= CHUNK_BYTES:
                yield chunk
                chunk, size = [], 0
    if chunk:
        yield chunk


if __name__ == "__main__":
    main()
