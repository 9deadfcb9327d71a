"""Which array of a Keras file is which variable of a model, and what a checkpoint calls it.

fitted = fit_weights(model, found, "weights.h5")   {("vgg16", "block1_conv1"): [("kernel", array), ...], ...}
variables = name_variables(fitted)                 {"block1_conv1/kernel": array, ...}
variables, renamed = rename_like(variables, {"block1_conv1/kernel": (3, 3, 3, 64), ...})
"""

import collections

import numpy as np
import tensorflow as tf
from screen import fail

SAME_MODEL = "both have to come from one model: model.to_json() and model.save_weights('weights.h5')"


def list_layers(container, path=()):
    """Yield (path, layer) of all layers within containers, a shared one once, in the order of the architecture."""
    for layer in container.layers:
        here = path + (layer.name,)
        if isinstance(layer, tf.keras.Model):
            yield from list_layers(layer, here)
        else:
            yield here, layer


def weights_of(layer):
    """Return a layer's variables in the order of Keras' files: those that are trained come first."""
    return layer.trainable_weights + layer.non_trainable_weights


def short_name(name):
    """Return the last part of a variable's name: "kernel" of "vgg16/block1_conv1/kernel:0"."""
    return name.split(":")[0].rsplit("/", 1)[-1]


def fit_weights(model, found, where):
    """Return {path of a layer: [(short name, array), ...]} of a model from what a file holds; fail where they differ.

    found: as KerasFile.read_weights gives it: by innermost layers, or by the layers of the outermost model.
    """
    inner = dict(list_layers(model))
    nested = any(len(path) > 1 for path in found)
    if nested or not any(isinstance(layer, tf.keras.Model) for layer in model.layers):
        wanted = {path: [layer] for path, layer in inner.items()}
    else:
        wanted = {(layer.name,): [layer] for layer in model.layers}
    wanted = {path: layers for path, layers in wanted.items() if weights_of(layers[0])}
    pairs = _pair(wanted, found, where)
    fitted = {}
    for path, source in pairs.items():
        layer, arrays = wanted[path][0], found[source]
        variables = _in_the_files_order(weights_of(layer), [name for name, _ in arrays])
        shapes = [tuple(variable.shape.as_list()) for variable in variables]
        held = [array.shape for _, array in arrays]
        if shapes != held:
            at = next((n for n, pair in enumerate(zip(shapes, held)) if pair[0] != pair[1]), None)  # noqa: B905
            fail(
                "{}: layer {!r}{}".format(where, "/".join(path), _difference(variables, shapes, held, at)),
                hint=SAME_MODEL,
            )
        owners = {id(w): (p, leaf) for p, leaf in inner.items() for w in weights_of(leaf)}
        for variable, (_, array) in zip(variables, arrays):  # noqa: B905
            fitted.setdefault(owners[id(variable)][0], []).append((short_name(variable.name), array))
    return fitted


def _difference(variables, shapes, held, at):
    if at is None:
        return " has {} weights; wanted {}".format(len(held), len(shapes))
    return ": {} is {}; wanted {}".format(
        variables[at].name.split(":")[0], shown_shape(held[at]), shown_shape(shapes[at])
    )


def shown_shape(shape):
    """Return a shape as people write it: 3x3x3x64."""
    return "x".join(map(str, shape)) or "a number"


def _in_the_files_order(variables, names):
    """Sort variables by the file's names where those tell them apart; else they stand in the same order already."""
    by_name = {"/".join(variable.name.split(":")[0].split("/")[-2:]): variable for variable in variables}
    named = ["/".join(name.split(":")[0].split("/")[-2:]) for name in names]
    if len(by_name) == len(variables) and sorted(by_name) == sorted(named):
        return [by_name[name] for name in named]
    return variables


def _pair(wanted, found, where):
    """Return {path in the model: path in the file}: by name, or in order where the file numbered them otherwise."""
    if set(wanted) == set(found):
        return {path: path for path in wanted}
    if len(wanted) == len(found):
        return dict(zip(wanted, found))  # noqa: B905
    missing = ["/".join(path) for path in wanted if path not in found]
    extra = ["/".join(path) for path in found if path not in wanted]
    parts = ["no weights of {}".format(", ".join(missing[:5]))] if missing else []
    parts += ["weights of {}, which the model does not have".format(", ".join(extra[:5]))] if extra else []
    fail("{}: {}".format(where, "; ".join(parts)), hint=SAME_MODEL)


def name_variables(fitted):
    """Return {"block1_conv1/kernel": array}; a layer's name alone, or its whole path where two are called alike."""
    times = collections.Counter(path[-1] for path in fitted)
    variables = collections.OrderedDict()
    for path, weights in fitted.items():
        layer = path[-1] if times[path[-1]] == 1 else "/".join(path)
        for name, array in weights:
            variables["{}/{}".format(layer, name)] = array
    return variables


def rename_like(variables, wanted):
    """Return {name: array} with an extractor's names, and what was renamed, if the shapes say it is that network.

    So a VGG16 of one's own, whose layers Keras called conv2d, conv2d_1, ... finds its place, too: all 4-dimensional
    kernels, in order, have to have the shapes of the extractor's; then hidden layers of its shapes.
    """
    layers = list(dict.fromkeys(name.rsplit("/", 1)[0] for name in variables))
    targets = list(dict.fromkeys(name.rsplit("/", 1)[0] for name in wanted))

    def convolutions(names, shape_of):
        return [name for name in names if len(shape_of(name)) == 4]

    own = convolutions(layers, lambda name: np.shape(variables.get(name + "/kernel", ())))
    theirs = convolutions(targets, lambda name: wanted[name + "/kernel"])
    if set(targets) & set(layers) or [np.shape(variables[n + "/kernel"]) for n in own] != [
        tuple(wanted[n + "/kernel"]) for n in theirs
    ]:
        return variables, {}
    renamed = dict(zip(own, theirs))  # noqa: B905
    for target in targets[len(theirs) :]:
        shape = tuple(wanted[target + "/kernel"])
        for name in layers:
            if name not in renamed and np.shape(variables.get(name + "/kernel", ())) == shape:
                renamed[name] = target
                break
    named = collections.OrderedDict()
    for name, array in variables.items():
        layer, weight = name.rsplit("/", 1)
        named["{}/{}".format(renamed.get(layer, layer), weight)] = array
    return named, renamed
