"""Run checkpoint, frozen graph and SavedModel over the test images: three detections files, one process.

    python container_scripts/detect_tensorflow.py --records-dir input/tf_records/cats \
        --train-dir output/cats/train --frozen-dir output/cats/frozen --detections-dir output/cats/detections

Each image is decoded once and every artefact gets the same pixels, at batch 1. `ms` is the time of
`session.run` alone, resizing included; a first call of each artefact is not counted.
"""

import argparse
import glob
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")

import checkpoints
import graph_runtime
import model_config
import tensorflow as tf
from object_detection import exporter
from object_detection.builders import graph_rewriter_builder, model_builder
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
        writers.append(DetectionsWriter(path, Header(name, graph_runtime.RUNTIME, size_bytes)))
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
    checkpoint = checkpoints.find_checkpoint(train_dir)
    if checkpoint is None:
        fail("no checkpoint in {}".format(train_dir), hint="make train MODEL=...", exit_code=3)
    checkpoint_size = sum(measure_size_bytes(path) for path in glob.glob(glob.escape(checkpoint) + ".*"))
    return [
        ("checkpoint", load_checkpoint(train_dir, checkpoint), checkpoint_size),
        ("frozen_graph", graph_runtime.load_frozen_graph(frozen_graph), measure_size_bytes(frozen_graph)),
        ("saved_model", graph_runtime.load_saved_model(saved_model), measure_size_bytes(saved_model)),
    ]


def load_checkpoint(train_dir, checkpoint):
    """Build the evaluation graph from pipeline.config and restore the checkpoint into it.

    The graph is the Object Detection API exporter's own, rewritten for quantization where the model
    was trained so (a plain graph would read such weights wrongly, tensorflow/models#7584); the score
    threshold is 0, because a cut-off detection cannot be counted (TF1 detection model zoo page).
    """
    config = model_config.read_trained_config(train_dir, checkpoints.is_quantized(checkpoint))
    post_processing_of(config).batch_non_max_suppression.score_threshold = 0.0
    rewrite = None
    if config.HasField("graph_rewriter"):
        rewrite = graph_rewriter_builder.build(config.graph_rewriter, is_training=False)
    graph = tf.Graph()
    with graph.as_default():
        outputs, inputs = exporter.build_detection_graph(
            input_type="image_tensor",
            detection_model=model_builder.build(config.model, is_training=False),
            input_shape=None,
            output_collection_name="inference_op",
            graph_hook_fn=rewrite,
        )
        if config.eval_config.use_moving_averages:
            averages = tf.train.ExponentialMovingAverage(0.0)
            saver = tf.compat.v1.train.Saver(averages.variables_to_restore())
        else:
            saver = tf.compat.v1.train.Saver()
        session = tf.compat.v1.Session(config=graph_runtime.session_config())
        saver.restore(session, checkpoint)
    return graph_runtime.GraphDetector(session, inputs["inputs"], outputs)


def post_processing_of(config):
    """Give the part of a config that turns raw boxes into detections."""
    if config.model.WhichOneof("model") == "ssd":
        return config.model.ssd.post_processing
    return config.model.faster_rcnn.second_stage_post_processing


def read_records(path):
    """Yield the serialized examples of one record file."""
    return tf.compat.v1.io.tf_record_iterator(path)


def decode_in_chunks(records):
    """Yield lists of (facts, image), as many images as fit into CHUNK_BYTES.

    JPEGs are decoded with INTEGER_ACCURATE, which gives Pillow's and libjpeg's pixels; TensorFlow's
    default is up to 9 of 256 levels off.
    """
    with tf.Graph().as_default(), tf.compat.v1.Session(config=graph_runtime.session_config()) as session:
        encoded = tf.compat.v1.placeholder(tf.string, [])
        jpeg = tf.io.decode_jpeg(encoded, channels=3, dct_method="INTEGER_ACCURATE")
        other = tf.io.decode_image(encoded, channels=3, expand_animations=False)
        chunk, size = [], 0
        for path in records:
            for serialized in read_records(path):
                feature = tf.train.Example.FromString(serialized).features.feature
                content = feature["image/encoded"].bytes_list.value[0]
                image = session.run(jpeg if content[:2] == b"\xff\xd8" else other, {encoded: content})
                facts = {
                    "source_id": _text_of(feature, "image/source_id"),
                    "filename": _text_of(feature, "image/filename"),
                    "width": image.shape[1],
                    "height": image.shape[0],
                }
                chunk.append((facts, image))
                size += image.nbytes
                if size >= CHUNK_BYTES:
                    yield chunk
                    chunk, size = [], 0
        if chunk:
            yield chunk


def _text_of(feature, key):
    values = feature[key].bytes_list.value
    return values[0].decode("utf-8") if values else ""


if __name__ == "__main__":
    main()
