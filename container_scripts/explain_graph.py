"""Run a frozen graph or SavedModel over test images and keep what its layers hold: the first part of explaining a drop.

    python container_scripts/explain_graph.py --records-dir input/tf_records/cats --frozen-dir output/cats/frozen \
        --graph saved_model --images 100 --layer-images 8 --out output/cats/.cache/explain/artefact

Writes what pipeline/jobs/explain_artefact.py writes of a .tflite, which says what is in it: artefact.json,
runs/shipped.jsonl, raw-000.npz, ..., tensors-000.npz, ... In artefact.json, `ends` are the layers that the
post-processing reads, which raw-000.npz has of each image. Beside them:

out/graph.pb    the graph as TensorFlow has loaded it, for explain_tensors.py to compare it node by node
"""

import argparse
import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np
import tensorflow as tf
from detection import graph_runtime
from detection.test_images import ImageDecoder, TestImages, read_facts
from explanation.graph_layers import find_layers
from screen import Progress, fail

from pipeline.detections.detections_file import DetectionsWriter, Header, ImageDetections, measure_size_bytes

LOADERS = {
    "frozen_inference_graph.pb": graph_runtime.load_frozen_graph,
    "saved_model": graph_runtime.load_saved_model,
}
MOST_BYTES = 2 * 1024**3
"""Of tensors on the disk: the layers of a Faster R-CNN of 1024 pixels are 1 GB an image."""


def main():
    """Parse flags, look, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--records-dir", "--frozen-dir", "--out"):
        parser.add_argument(name, required=True)
    parser.add_argument("--graph", choices=sorted(LOADERS), required=True, help="in --frozen-dir")
    parser.add_argument("--images", type=int, default=100, help="test images that mAP is computed on")
    parser.add_argument("--layer-images", type=int, default=8, help="of them, those whose tensors are kept")
    flags = parser.parse_args()
    tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)
    path = os.path.join(flags.frozen_dir, flags.graph)
    look(flags.records_dir, path, flags.out, images=flags.images, layer_images=flags.layer_images)


def look(records_dir, path, out, images, layer_images):
    """Write what the module says."""
    test_images = TestImages(os.path.join(records_dir, "test.record-*"), most=images)
    if not test_images.total:
        fail("there are no test records (test.record-*) in {}".format(records_dir), exit_code=3)
    detector = LOADERS[os.path.basename(path)](path, graph_runtime.literal_session_config())
    graph, run = detector.session.graph, detector.session.run
    image_tensor = graph.get_tensor_by_name("image_tensor:0")
    layers = find_layers(graph, run)
    tensors = {"t{}".format(one["tensor"]): graph.get_tensor_by_name(one["node"] + ":0") for one in layers}
    ends = sorted({before for one in layers if one["operator"] == "OUTPUT" for before in one["inputs"]})
    raw = {"t{}".format(end): tensors["t{}".format(end)] for end in ends}
    os.makedirs(os.path.join(out, "runs"))
    with open(os.path.join(out, "graph.pb"), "wb") as file:
        file.write(graph.as_graph_def().SerializeToString())
    size_bytes = measure_size_bytes(path)
    header = Header("shipped", graph_runtime.RUNTIME, size_bytes)
    total = len(test_images.truth)
    every = max(1, total // max(layer_images, 1))
    decoder = ImageDecoder(graph_runtime.session_config())
    source_ids, kept, kept_bytes = [], [], 0
    writing = DetectionsWriter(os.path.join(out, "runs", "shipped.jsonl"), header)
    with writing as writer, Progress("explain  artefact", total=total) as progress:
        for number, feature in enumerate(test_images.read()):
            image = decoder.decode(feature)
            facts = read_facts(feature, image)
            detections, ms = detector.detect(image)
            writer.write(ImageDetections(ms=ms, detections=detections, **facts))
            feed = {image_tensor: image[np.newaxis]}
            np.savez(os.path.join(out, "raw-{:03}.npz".format(number)), **run(raw, feed))
            if number % every == 0 and len(kept) < layer_images and kept_bytes < MOST_BYTES:
                found = run(tensors, feed)
                kept_bytes += sum(values.nbytes for values in found.values())
                np.savez(os.path.join(out, "tensors-{:03}.npz".format(len(kept))), **found)
                kept.append(facts["source_id"])
            source_ids.append(facts["source_id"])
            progress.update(number + 1)
    np.savez(os.path.join(out, "weights.npz"))  # graph.pb has them
    told = {
        "kind": "graph", "size_bytes": size_bytes, "layers": layers, "ends": ends, "images": source_ids,
        "layer_images": kept,
    }  # fmt: skip
    with open(os.path.join(out, "artefact.json"), "w", encoding="utf-8") as file:
        json.dump(told, file)


if __name__ == "__main__":
    main()
