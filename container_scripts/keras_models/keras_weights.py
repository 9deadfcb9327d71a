"""The weights in a Keras file, of any Keras from 2.2 to 3, layer by layer.

    with KerasFile("weights.h5") as file:
        file.model                      the architecture as a mapping; None in a file of weights alone
        file.read_weights(architecture) {("vgg16", "block1_conv1"): [array, array], ...}

Three shapes of file are read:
    group of each layer, attribute weight_names    save_weights("x.h5") up to TF 2.15; under model_weights/ in a
                                                   whole model.h5, of Keras 3, too
    layers/conv2d_1/vars/0                         save_weights("x.weights.h5") since TF 2.13
    config.json and model.weights.h5 in a zip      model.save("x.keras")
"""

import io
import json
import re
import zipfile

import h5py
from screen import fail

from keras_models.keras_config import CONTAINERS

MOST_JSON_BYTES = 100 * 1024 * 1024


class KerasFile:
    """One file of Keras', open for reading; fails with a sentence for anything else."""

    def __init__(self, path):
        self.path = path
        self.model = None
        try:
            with open(path, "rb") as file:
                start = file.read(8)
        except OSError as error:
            fail("{}: {}".format(path, error.strerror), exit_code=2)
        if start[:4] == b"PK\x03\x04":
            self._open_zip()
        elif start == b"\x89HDF\r\n\x1a\n":
            self._open_h5(path)
            self._read_model()
        else:
            fail(
                "{}: not a file of Keras' weights (HDF5 or .keras); it begins with {!r}".format(path, start),
                hint="write it with model.save_weights('weights.h5') or model.save('model.h5')",
            )

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._h5.close()

    def _open_h5(self, source):
        try:
            self._h5 = h5py.File(source, "r")
        except OSError as error:
            fail("{}: HDF5 that cannot be read, cut off perhaps: {}".format(self.path, error))

    def _open_zip(self):
        try:
            with zipfile.ZipFile(self.path) as archive:
                if archive.getinfo("config.json").file_size > MOST_JSON_BYTES:
                    fail("{}: its config.json is larger than any model's".format(self.path))
                self.model = parse_json(archive.read("config.json").decode("utf-8", "replace"), self.path)
                self._open_h5(io.BytesIO(archive.read("model.weights.h5")))
        except (zipfile.BadZipFile, KeyError) as error:
            fail("{}: a zip, but no whole .keras file: {}".format(self.path, str(error).strip("\"'")))

    def _read_model(self):
        written = self._h5.attrs.get("model_config")
        if written is not None:
            self.model = parse_json(_text(written), self.path)

    def read_weights(self, model):
        """Return {(container, ..., layer): [array, ...]} of the layers that have weights, in the file's order.

        A container of the first kind of file is one entry: its weights, those that are trained first, in one list
        of (name, array).
        """
        if "layers" in self._h5 or "_layer_checkpoint_dependencies" in self._h5:
            return dict(self._walk(self._h5, model, ()))
        root = self._h5.get("model_weights", self._h5)
        names = [_text(name) for name in read_list(root, "layer_names")]
        if not names:
            fail(
                "{}: holds no weights of layers; it holds {}".format(
                    self.path, ", ".join(sorted(self._h5)[:8]) or "nothing"
                ),
                hint="write it with model.save_weights('weights.h5')",
            )
        found = {}
        for name in names:
            weights = [_text(weight) for weight in read_list(root[name], "weight_names")]
            if weights:
                found[(name,)] = [(weight, root[name][weight][()]) for weight in weights]
        return found

    def _walk(self, group, model, path):
        """Yield the weights below layers/conv2d, layers/conv2d_1, ...: called after their kinds, counted in order."""
        key = "layers" if "layers" in group else "_layer_checkpoint_dependencies"
        if key not in group:
            return
        counted = {}
        for layer in model["config"]["layers"]:
            kind = to_snake_case(layer["class_name"])
            number = counted[kind] = counted.get(kind, -1) + 1
            place = kind + ("_{}".format(number) if number else "")
            if place not in group[key]:
                continue
            here = path + (layer["config"].get("name") or layer.get("name"),)
            if layer["class_name"] in CONTAINERS:
                yield from self._walk(group[key][place], layer, here)
                continue
            variables = group[key][place].get("vars", {})
            if len(variables):
                yield here, [("", variables[str(index)][()]) for index in range(len(variables))]


def read_list(group, name):
    """Read a list out of a group's attributes; a long one is cut into name0, name1, ..."""
    if name in group.attrs:
        return list(group.attrs[name])
    found, number = [], 0
    while "{}{}".format(name, number) in group.attrs:
        found += list(group.attrs["{}{}".format(name, number)])
        number += 1
    return found


def parse_json(text, where):
    """Return the mapping in a text; fail with the place of what is no JSON."""
    try:
        value = json.loads(text)
    except ValueError as error:
        fail("{}: not JSON: {}".format(where, error), hint="write it with model.to_json()")
    if not isinstance(value, dict):
        fail("{}: JSON, but a {}; wanted what model.to_json() gives".format(where, type(value).__name__))
    return value


def to_snake_case(name):
    """Turn Conv2D into conv2d and BatchNormalization into batch_normalization, as Keras does."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def _text(value):
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)
