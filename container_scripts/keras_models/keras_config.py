"""A Keras model's architecture, of any Keras from 2.2 to 3, made readable for the Keras of TensorFlow 1.15.

    to_old_keras({"class_name": "Functional", "config": {...}}, "model.json")   -> {"class_name": "Model", ...}

Only what decides names, shapes and order of the weights is kept: how a layer began to learn (initializers,
regularizers) and what it does after its weights (activations) are of no concern to a checkpoint. What cannot be said
in the old words, such as grouped convolutions, and layers that are not Keras' own end with a sentence.
"""

from screen import fail

CONTAINERS = ("Model", "Functional", "Sequential")
NEUTRAL = {
    "groups": 1,
    "keepdims": False,
    "synchronized": False,
    "quantization_config": None,
    "lora_rank": None,
    "lora_alpha": None,
}
"""What newer layers can do, and the value that means that they do not."""
DEFAULTS = (("_initializer", "zeros"), ("_regularizer", None), ("_constraint", None))
PASS_PIXELS_ON = (
    "RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation", "RandomContrast", "RandomBrightness",
    "Rescaling",
)  # fmt: skip
"""Layers of newer Kerases before the first convolution: no weights, and the shape stays as it is."""
PASSING_OPERATIONS = ("__operators__.getitem", "nn.bias_add")
"""What vgg16.preprocess_input becomes inside a model of TensorFlow 2: RGB to BGR, and the means subtracted."""
OLD_NAMES = {"BatchNormalizationV1": "BatchNormalization", "BatchNormalizationV2": "BatchNormalization"}
INPUT_KEYS = ("batch_input_shape", "dtype", "sparse", "name")


def to_old_keras(model, where, known):
    """Return a model's or layer's mapping as TensorFlow 1.15 reads it; `known` names the layers it has.

    Fails, naming the layer, for what it has no word for.
    """
    kind, config = model.get("class_name"), model.get("config")
    if kind not in CONTAINERS or not isinstance(config, (dict, list)):
        fail(
            "{}: holds a {!r}; wanted a Keras model: one of {}".format(where, kind, ", ".join(CONTAINERS)),
            hint="write it with model.to_json(), or the whole model with model.save('model.h5')",
        )
    if isinstance(config, list):  # Sequential before Keras 2.2.3
        config = {"name": "sequential", "layers": config}
    kept = {"name": config.get("name"), "layers": [_to_old_layer(layer, where, known) for layer in config["layers"]]}
    if kind != "Sequential":
        for ends in ("input_layers", "output_layers"):
            kept[ends] = config[ends]
            if kept[ends] and isinstance(kept[ends][0], str):  # one tensor alone, since Keras 3
                kept[ends] = [kept[ends]]
    return {"class_name": "Sequential" if kind == "Sequential" else "Model", "config": kept}


def _to_old_layer(layer, where, known):
    kind = OLD_NAMES.get(layer["class_name"], layer["class_name"])
    name = layer["config"].get("name") or layer.get("name")
    where_layer = "{}: layer {!r}".format(where, name)
    nodes = [_to_old_node(node, where_layer) for node in layer.get("inbound_nodes", [])]
    if kind in CONTAINERS:
        old = to_old_keras(layer, where, known)
    elif kind == "InputLayer":
        shape = layer["config"].get("batch_shape", layer["config"].get("batch_input_shape"))
        config = dict(layer["config"], batch_input_shape=shape)
        old = {"class_name": kind, "config": {key: config[key] for key in INPUT_KEYS if key in config}}
    elif kind in PASS_PIXELS_ON or layer["config"].get("function") in PASSING_OPERATIONS:
        old = {"class_name": "Activation", "config": _kept(layer["config"], ("name", "batch_input_shape"))}
        old["config"]["activation"] = "linear"
    else:
        _check_known(kind, where_layer, known)
        old = {"class_name": kind, "config": _to_old_settings(layer["config"], where_layer)}
    if "inbound_nodes" in layer:
        old.update(name=name, inbound_nodes=nodes)
    return old


def _kept(config, keys):
    return {key: config[key] for key in keys if key in config}


def _check_known(kind, where, known):
    if kind == "Lambda":
        fail(
            where + " is a Lambda: it holds code, which is not run out of a file",
            hint="save a model without it: what it computes before the first convolution is no part of the weights",
        )
    if kind not in known:
        fail(
            "{} is a {}, which TensorFlow 1.15's Keras does not have".format(where, kind),
            hint="save a model of Keras' own layers: tf.keras.Model(model.input, model.get_layer('...').output) "
            "keeps what comes before it",
        )


def _to_old_settings(config, where):
    settings = {}
    for key, value in config.items():
        if key in NEUTRAL:
            if value != NEUTRAL[key]:
                fail(
                    "{} has {} = {!r}, which TensorFlow 1.15's Keras cannot do".format(where, key, value),
                    hint="a detector of this environment cannot hold such a layer",
                )
            continue
        default = [neutral for end, neutral in DEFAULTS if key.endswith(end)]
        if default:
            value = default[0]
        elif key in ("activation", "recurrent_activation"):
            value = "linear"
        elif key == "dtype":
            value = "float32"  # of the weights, under a policy of mixed precision, too
        elif key == "layer":
            fail(where + " wraps another layer, which is not read", hint="save a model without it")
        settings[key] = value
    return settings


def _to_old_node(node, where):
    """Return one call of a layer as [[layer, call, tensor, {}], ...], from the list or the arguments of a newer one."""
    if isinstance(node, dict):
        found = list(_histories(node["args"]))
    elif node and isinstance(node[0], str):  # an operation of TensorFlow 2
        found = [node[:3]]
    else:
        found = [tensor[:3] for tensor in node]
    if not found:
        fail(where + " is called in a way that is not understood: {}".format(str(node)[:200]))
    return [[*history, {}] for history in found]


def _histories(value):
    """Yield [layer, call, tensor] of every tensor in a call's arguments."""
    if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        yield list(value["config"]["keras_history"])
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _histories(item)
