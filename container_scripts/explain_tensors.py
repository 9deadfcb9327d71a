"""Run the images that an artefact was looked at with through the checkpoint's graph, and compare layer by layer.

    python container_scripts/explain_tensors.py --records-dir input/tf_records/cats --frozen-dir output/cats/frozen \
        --artefact output/cats/.cache/explain/artefact --out output/cats/.cache/explain/reference \
        [--train-dir output/cats/train]

Reads   what pipeline/jobs/explain_artefact.py wrote of a .tflite, explain_tfjs.mjs of a TensorFlow.js build, or
        explain_graph.py of a frozen graph or a SavedModel
Writes
out/frozen_graph.jsonl   a detections file of the graph itself, on all those images; checkpoint.jsonl of a checkpoint's
out/checkpoint_nms.jsonl of a frozen graph or a SavedModel: its raw ends through the checkpoint's post-processing
out/layers.json          the figures of each layer, in the file's order (explanation/layer_statistics.py)
out/outputs-000.npz      of each image with tensors: the graph's `input`; of the frozen one also `encodings`,
                         `scores` and decoded `boxes`

The graph is frozen_inference_graph.pb: the network under the names that converters keep. What is frozen itself is held
against the graph that the checkpoint is restored into. That is run twice for each layer: from the image, and from the
artefact's own values one layer before, so that an error is laid to the layer that makes it and not to those that
inherit it.
"""

import argparse
import contextlib
import glob
import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np
import tensorflow as tf
from detection import graph_runtime
from detection.test_images import ImageDecoder, read_facts
from explanation import layer_statistics, reference_graph
from explanation.graph_reading import GraphReading
from explanation.tfjs_reading import TfjsReading
from explanation.tflite_reading import TfliteReading
from screen import Progress, fail

from pipeline.detections.detections_file import DetectionsWriter, Header, ImageDetections, to_detections

READINGS = {"tflite": TfliteReading, "tfjs": TfjsReading, "graph": GraphReading}


def main():
    """Parse flags, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--records-dir", "--frozen-dir", "--out"):
        parser.add_argument(name, required=True)
    parser.add_argument("--artefact", required=True, help="folder of artefact.json and the tensors")
    parser.add_argument("--train-dir", help="of a frozen graph or a SavedModel: where its checkpoint lies")
    flags = parser.parse_args()
    compare(flags.records_dir, flags.frozen_dir, flags.artefact, flags.out, flags.train_dir)


def compare(records_dir, frozen_dir, artefact_dir, out, train_dir=None):
    """Write what the module says."""
    tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)
    with open(os.path.join(artefact_dir, "artefact.json"), encoding="utf-8") as file:
        artefact = json.load(file)
    reference = load_reference(artefact, artefact_dir, frozen_dir, train_dir)
    os.makedirs(out)
    comparison = Comparison(reference, artefact, artefact_dir, out)
    images = artefact["images"]
    done = 0
    # A layer of an image takes about as long as an image without any
    total = len(images) + comparison.count
    with contextlib.ExitStack() as stack:
        writers = {}
        for name in [reference.name] + ["checkpoint_nms"] * comparison.has_ends:
            header = Header(name, graph_runtime.RUNTIME, reference.size_bytes)
            writers[name] = stack.enter_context(DetectionsWriter(os.path.join(out, name + ".jsonl"), header))
        progress = stack.enter_context(Progress("explain  graph", total=total, unit="step", shows_rate=False))
        for facts, image in read_images(records_dir, set(images)):
            detections, ms = reference.detector.detect(image)
            writers[reference.name].write(ImageDetections(ms=ms, detections=detections, **facts))
            if comparison.has_ends:
                detections = comparison.post_process(images.index(facts["source_id"]), image)
                writers["checkpoint_nms"].write(ImageDetections(ms=ms, detections=detections, **facts))
            done += 1
            for _ in comparison.add(facts["source_id"], image):
                progress.update(progress.done + 1)
            progress.update(progress.done + 1)
    if done < len(images):
        fail("{} has {} of the {} images".format(records_dir, done, len(images)), exit_code=3)
    layers = comparison.to_json()
    with open(os.path.join(out, "layers.json"), "w", encoding="utf-8") as file:
        json.dump(layers, file, indent=1, ensure_ascii=False)
        file.write("\n")


def load_reference(artefact, artefact_dir, frozen_dir, train_dir):
    """Load what an artefact is held against: the frozen graph, or of that one itself the checkpoint's."""
    if artefact["kind"] != "graph":
        return reference_graph.FrozenGraph(frozen_dir, artefact.get("graph_input"))
    from explanation import checkpoint_graph  # it imports the models, which takes seconds

    path = os.path.join(artefact_dir, "graph.pb")
    return checkpoint_graph.CheckpointGraph(train_dir, frozen_dir, path, artefact["layers"][0]["node"])


def read_images(records_dir, wanted):
    """Yield (facts, image) of the test images with these source ids, decoded as TensorFlow does."""
    decoder = ImageDecoder(graph_runtime.session_config())
    for path in sorted(glob.glob(os.path.join(records_dir, "test.record-*"))):
        for serialized in tf.compat.v1.io.tf_record_iterator(path):
            feature = tf.train.Example.FromString(serialized).features.feature
            if b"".join(feature["image/source_id"].bytes_list.value[:1]).decode("utf-8") in wanted:
                image = decoder.decode(feature)
                yield read_facts(feature, image), image


class Comparison:
    """The layers of an artefact beside those of the graph."""

    def __init__(self, reference, artefact, folder, out):
        self._reference, self._folder, self._out = reference, folder, out
        self._numbers = {source_id: number for number, source_id in enumerate(artefact["layer_images"])}
        self._layers = artefact["layers"]
        self._by_tensor = {layer["tensor"]: layer for layer in self._layers}
        self._reading = READINGS[artefact["kind"]](reference, self._layers)
        self._places = {}
        for layer in self._layers:
            place = self._reading.find(layer)
            if place is not None and place.raw.shape.is_compatible_with(layer["shape"]):
                self._places[layer["tensor"]] = place
            elif place is not None:
                layer["graph_shape"] = place.raw.shape.as_list()
        for tensor, place in self._places.items():
            layer = self._by_tensor[tensor]
            layer.update(self._reading.describe(layer, place))
        self._statistics = {
            tensor: layer_statistics.LayerStatistics(*[self._by_tensor[tensor][key] for key in ("low", "high", "step")])
            for tensor in self._places
        }
        ends = artefact.get("ends") or []
        self._ends = [self._places[tensor].quantized for tensor in ends if tensor in self._places]
        self._raw_names = ["t{}".format(tensor) for tensor in ends]
        self.has_ends = bool(ends) and len(self._ends) == len(ends)
        """Whether the artefact's raw ends can be given to the graph's post-processing."""

    @property
    def count(self):
        """How many layers of images there are to be compared."""
        return len(self._numbers) * len(self._places)

    def add(self, source_id, image):
        """Compare the tensors of an image, if they were kept; yield after each layer."""
        if source_id not in self._numbers:
            return
        number = self._numbers[source_id]
        ends = dict(self._reference.ends(), input=self._reference.input)
        tensors = {tensor: place.quantized for tensor, place in self._places.items()}
        whole, outputs = self._reference.run([tensors, ends], {self._reference.image: image[np.newaxis]})
        np.savez(os.path.join(self._out, "outputs-{:03}.npz".format(number)), **outputs)
        with np.load(os.path.join(self._folder, "tensors-{:03}.npz".format(number))) as stored:
            found = {
                tensor: self._reading.to_real(layer, stored["t{}".format(tensor)])
                for tensor, layer in self._by_tensor.items()
            }
        for tensor, statistics in self._statistics.items():
            if found[tensor].shape != whole[tensor].shape and tensor in self._places:
                # Nothing after it can be computed of what it holds either
                self._by_tensor[tensor]["graph_shape"] = list(whole[tensor].shape)
                del self._places[tensor]
            if tensor in self._places:
                alone, raw = self._run_alone(tensor, found, whole[tensor], image)
                statistics.add(found[tensor], whole[tensor], alone, raw)
            yield tensor

    def post_process(self, number, image):
        """Return what the graph's own post-processing makes of the artefact's raw ends of an image."""
        with np.load(os.path.join(self._folder, "raw-{:03}.npz".format(number))) as stored:
            feeds = dict(zip(self._ends, [stored[name] for name in self._raw_names]))  # noqa: B905
        feeds[self._reference.image] = image[np.newaxis]
        outputs = [name + ":0" for name in graph_runtime.OUTPUTS]
        boxes, class_ids, scores = [one[0].tolist() for one in self._reference.run(outputs, feeds)]
        return to_detections(boxes, class_ids, scores)

    def _run_alone(self, tensor, found, whole, image):
        """Return what the graph makes of the artefact's values one layer before: as it should be, and before a clip."""
        place = self._places[tensor]
        feeds = {}
        nearest = list(self._find_before(tensor))
        if not all(np.isfinite(found[before]).all() for before in nearest):
            # What comes after numbers that are none cannot be told from what it should be
            return found[tensor], found[tensor]
        for before in nearest:
            for one in self._reading.find_feeds(self._by_tensor[before], self._places[before]):
                feeds[one.experimental_ref()] = (one, found[before])
        if not feeds:
            return whole, whole
        same = feeds.get(place.quantized.experimental_ref())
        if same is not None:
            return same[1], same[1]
        feed_dict = dict(feeds.values())
        # What reads the image past its network, anchors for one, gets it, too
        feed_dict[self._reference.image] = image[np.newaxis]
        if self._reference.input not in feed_dict and self._layers[0]["tensor"] in self._places:
            feed_dict[self._reference.input] = found[self._layers[0]["tensor"]]
        quantized, raw = self._reference.run([place.quantized, place.raw], feed_dict)
        return self._reading.make_wanted(place, raw, quantized), raw

    def _find_before(self, tensor):
        """Find the nearest layers before one that the graph has, too."""
        found = []
        for before in self._by_tensor[tensor]["inputs"]:
            if before in self._places:
                found.append(before)
            elif before in self._by_tensor:
                found += self._find_before(before)
        return found

    def to_json(self):
        """Return what layers.json holds."""
        with np.load(os.path.join(self._folder, "weights.npz")) as stored:
            return [self._describe(layer, stored) for layer in self._layers]

    def _describe(self, layer, stored):
        place = self._places.get(layer["tensor"])
        told = dict(layer, matched=place is not None)
        told["inputs"] = [self._by_tensor[before]["name"] for before in layer["inputs"] if before in self._by_tensor]
        if place is not None:
            told.update(self._statistics[layer["tensor"]].to_json(), graph_low=place.low, graph_high=place.high)
        if layer["weights"] is not None:
            told["weights_compared"] = self._reading.compare_weights(layer, stored["t{}".format(layer["weights"])])
        return told


if __name__ == "__main__":
    main()
