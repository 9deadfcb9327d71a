"""What a run changes of its model's training: options.json, as the planner writes it beside model.json.

    {"augment": ["flip", "crop"], "learning_rate": 0.002, "warmup": null, "schedule": "cosine", "optimizer": null,
     "freeze": "backbone", "moving_average": null, "set": ["train_config.batch_size=4"], "qat_delay": null,
     "choose_batch": true, "eval_every": null, "patience": 5, "keep": 3, "gpus": null, "device": null,
     "pretrained": {"prefix": "input/pretrained/ssd/model.ckpt", "source": "zoo ssd_mobilenet_v2_coco_2018_03_29"}}

null, or a key that is not there, leaves it to the model or to the machine.
"""

import collections
import difflib
import json
import math

from screen import fail

DEFAULTS = collections.OrderedDict(
    [
        ("augment", None),  # names of pipeline/augmentations.py; [] varies nothing
        ("learning_rate", None),  # the highest one of the schedule
        ("warmup", None),  # steps
        ("schedule", None),  # cosine, exponential or constant
        ("optimizer", None),  # adam, momentum or rmsprop
        ("freeze", None),  # backbone, none or a regular expression
        ("moving_average", None),  # decay; 0: none
        ("set", ()),  # a.b.c=value, applied last
        ("qat_delay", None),  # a step; 0: quantized from the first
        ("choose_batch", False),  # the batch is the model's, and may be lowered to what memory holds
        ("eval_every", None),  # steps; 0: never
        ("patience", None),  # evaluations without a better mAP; 0: as many as there are
        ("keep", 3),  # checkpoints, besides the best one
        ("gpus", None),  # how many train together
        ("device", None),  # cpu or gpu
        ("pretrained", None),  # {"prefix": path, "source": how people call it}
    ]
)

TrainingOptions = collections.namedtuple("TrainingOptions", list(DEFAULTS))


def make_options(**changes):
    """Give the default options, with changes."""
    return TrainingOptions(**dict(DEFAULTS, **changes))


def read_options(path):
    """Read an options.json; None for the path gives the defaults. Fails for a key that is none of its keys."""
    if path is None:
        return make_options()
    try:
        with open(path, encoding="utf-8") as file:
            values = json.load(file)
    except (OSError, ValueError) as error:
        fail("{}: {}".format(path, getattr(error, "strerror", None) or "not JSON: {}".format(error)), exit_code=2)
    if not isinstance(values, dict):
        fail("{}: found a {}, wanted an object".format(path, type(values).__name__), exit_code=2)
    for key in values:
        if key not in DEFAULTS:
            near = difflib.get_close_matches(key, list(DEFAULTS), n=1)
            fail(
                "{}: unknown option {!r}; known: {}".format(path, key, ", ".join(DEFAULTS)),
                hint="did you mean {!r}?".format(near[0]) if near else None,
                exit_code=2,
            )
    return make_options(**values)


def batch_size(options, given):
    """Give the images a step: `given`, unless the options set the field itself."""
    for assignment in options.set:
        path, _, value = assignment.partition("=")
        if path.strip() == "train_config.batch_size" and value.strip().isdigit():
            given = max(int(value), 1)
    return given


def steps_of_epochs(epochs, images, batch):
    """Give the steps in which each of `images` is seen `epochs` times, the last step being filled up."""
    return max(int(math.ceil(epochs * images / batch)), 1)
