"""A TensorFlow.js graph model in a folder: read it with its weights as arrays, and write it again.

    FOLDER/model.json             {"modelTopology": {"node": [...]},
                                   "weightsManifest": [{"paths": [...], "weights": [{"name", "shape", "dtype"}, ...]}]}
    FOLDER/group1-shard1of1.bin   the weights, one after the other

A node is {"name": "add", "op": "AddV2", "input": ["x", "y:0"], "attr": {...}}; the value of a Const is the weight of
its name.
"""

import json
import os

import numpy as np

SHARD_BYTES = 4 * 1024 * 1024
"""As the converter cuts them: browsers cache and fetch these side by side."""


def read_model(folder):
    """Read model.json, and {name: array} in the order of the manifest, as the converter left them: not quantized."""
    with open(os.path.join(folder, "model.json"), encoding="utf-8") as file:
        model_json = json.load(file)
    weights = {}
    for group in model_json["weightsManifest"]:
        stored = b"".join(_read(os.path.join(folder, name)) for name in group["paths"])
        at = 0
        for weight in group["weights"]:
            count = int(np.prod(weight["shape"], dtype=np.int64))
            array = np.frombuffer(stored, weight["dtype"], count, at).reshape(weight["shape"])
            at += array.nbytes
            weights[weight["name"]] = array
    return model_json, weights


def write_model(folder, model_json, weights, store):
    """Write both in the place of what is there; store(array) gives what is stored of it and how that is restored."""
    for group in model_json["weightsManifest"]:
        for name in group["paths"]:
            os.remove(os.path.join(folder, name))
    entries, content = [], []
    for name, array in weights.items():
        stored, how = store(array)
        entry = {"name": name, "shape": list(array.shape), "dtype": str(array.dtype)}
        entries.append(dict(entry, quantization=how) if how else entry)
        content.append(stored.tobytes())
    paths = _write_shards(folder, b"".join(content))
    model_json["weightsManifest"] = [{"paths": paths, "weights": entries}]
    for node in model_json["modelTopology"]["node"]:
        # What TensorFlow's own optimizer noted for itself: a tenth of the file, and nobody's at run time.
        node["attr"] = {key: value for key, value in node.get("attr", {}).items() if not key.startswith("_")}
    with open(os.path.join(folder, "model.json"), "w", encoding="utf-8") as file:
        # Sorted: protobuf gives the attributes of a node in another order every time.
        json.dump(model_json, file, sort_keys=True, separators=(",", ":"))


def _write_shards(folder, content):
    count = max(-(-len(content) // SHARD_BYTES), 1)
    names = ["group1-shard{}of{}.bin".format(number, count) for number in range(1, count + 1)]
    for number, name in enumerate(names):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content[number * SHARD_BYTES : (number + 1) * SHARD_BYTES])
    return names


def _read(path):
    with open(path, "rb") as file:
        return file.read()
