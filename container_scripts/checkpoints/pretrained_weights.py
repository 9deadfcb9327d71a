"""Begin a training with the weights of a checkpoint: the zoo's, of one's own, of a classifier, or of Keras.

    report = pretrained_weights.restore(session, {"prefix": "input/pretrained/ssd/model.ckpt", "source": "zoo ssd"},
                                        config, "output/cats/train")

What a checkpoint is, its variables say: those of a detector stand below FeatureExtractor/ (Faster R-CNN: First- and
SecondStageFeatureExtractor/), those of a classifier (slim's MobilenetV2/..., resnet_v1_50/..., Keras' block1_conv1/...)
do not, and go there. Names and shapes decide; global_step and what an optimizer keeps are never restored.
output/cats/train/pretrained.json says what came of it:
    {"source": "zoo ssd_...", "prefix": "...", "kind": "detection", "from_detection_checkpoint": true,
     "load_all_detection_checkpoint_vars": true, "restored": 332, "variables": 344,
     "backbone": {"restored": 300, "variables": 300},
     "not_restored": [{"reason": "class count: 90 there, 3 here", "variables": ["BoxPredictor_0/..."]}], "notes": []}
"""

import collections
import json
import os

import tensorflow as tf
from configs import model_config
from google.protobuf import text_format
from object_detection.protos import pipeline_pb2, string_int_label_map_pb2
from screen import fail, say

from checkpoints import checkpoint_comparison, moving_averages

REPORT = "pretrained.json"
LEAST_SHARE = 0.5  # of the backbone: with less, a training would take place on random weights under another name
SHOWN_ROOTS = 5


def restore(session, pretrained, config, train_dir=None):
    """Give the variables of the default graph the values of a checkpoint, and say and return what was restored.

    pretrained: {"prefix": path, "source": how people call it}. session: one whose variables are initialised, or None
    to restore nothing and only report. Fails where the checkpoint cannot be read, or holds less than half of the
    backbone.
    """
    prefix, source = pretrained["prefix"], pretrained["source"]
    known = read_shapes(prefix, source)
    variables = checkpoint_comparison.network_variables(tf.compat.v1.global_variables())
    shapes = {name: variable.shape.as_list() for name, variable in variables.items()}
    architecture = config.model.WhichOneof("model")
    class_names = (read_class_names(os.path.join(os.path.dirname(prefix), "label_map.pbtxt")), names_of_run(config))
    found = checkpoint_comparison.compare(
        shapes, known, architecture, class_names, count_classes(prefix, config, class_names[0])
    )
    check_backbone(found, known, source)
    report = to_report(found, known, pretrained)
    if architecture == "faster_rcnn" and not config.model.faster_rcnn.feature_extractor.batch_norm_trainable:
        report["notes"] += note_lost_averages(found)
    if session is not None:
        sources = {found.sources[name]: variables[name] for name in found.sources}
        try:
            tf.compat.v1.train.Saver(sources).restore(session, prefix)
        except (tf.errors.OpError, ValueError) as error:
            fail(
                "{}: cannot be read: {}".format(prefix, str(error).splitlines()[0]),
                hint="delete that folder: the next make train makes it anew",
            )
        moving_averages.begin(session)
    if train_dir is not None:
        write_report(report, os.path.join(train_dir, REPORT))
    for line in describe(report):
        say(line)
    return report


def read_shapes(prefix, source):
    """Read {variable: shape} of a checkpoint. Fails where it is not there or broken."""
    if not os.path.exists(prefix + ".index") and not os.path.exists(prefix):
        fail(
            "the weights to begin with ({}) are not at {}".format(source, prefix),
            hint="make train (or docker compose up train) brings them; PRETRAINED=none trains from scratch",
            exit_code=4,
        )
    try:
        return tf.train.load_checkpoint(prefix).get_variable_to_shape_map()
    except (tf.errors.OpError, ValueError) as error:
        return fail("{}: not a checkpoint: {}".format(prefix, str(error).splitlines()[0]), hint="PRETRAINED=none")


def check_backbone(found, known, source):
    """Fail where less than half of the feature extractor's variables come along."""
    restored, wanted = found.backbone
    if restored >= LEAST_SHARE * wanted and restored:
        return
    roots = collections.Counter(name.split("/", 1)[0] for name in checkpoint_comparison.network_names(known))
    held = ", ".join("{} ({})".format(root, count) for root, count in roots.most_common(SHOWN_ROOTS))
    fail(
        "{}: only {} of the model's {} backbone variables come from it; it holds {}".format(
            source, restored, wanted, held or "nothing"
        ),
        hint="take the MODEL that these weights are of (make models), or PRETRAINED=none",
        exit_code=2,
    )


def names_of_run(config):
    """Read the class names of the run, in order, from the label map that its config names."""
    return read_class_names(config.train_input_reader.label_map_path)


def read_class_names(path):
    """Read the class names of a label map in the order of their ids; None where there is none to read."""
    label_map = string_int_label_map_pb2.StringIntLabelMap()
    try:
        with open(path, encoding="utf-8") as file:
            text_format.Parse(file.read(), label_map)
    except (OSError, UnicodeDecodeError, text_format.ParseError):
        return None
    return [item.name for item in sorted(label_map.item, key=lambda item: item.id)]


def count_classes(prefix, config, class_names):
    """Give how many classes a checkpoint has, and how many the run.

    The first is told by its label map or else its pipeline.config, which lie beside it; None without both.
    """
    if class_names is not None:
        return len(class_names), model_config.model_of(config).num_classes
    theirs = pipeline_pb2.TrainEvalPipelineConfig()
    try:
        with open(os.path.join(os.path.dirname(prefix), "pipeline.config"), encoding="utf-8") as file:
            # The zoo's were written for other versions of the protos: what is not known any more is left out.
            text_format.Parse(file.read(), theirs, allow_unknown_field=True)
    except (OSError, UnicodeDecodeError, text_format.ParseError):
        pass
    count = model_config.model_of(theirs).num_classes if theirs.model.WhichOneof("model") else None
    return count, model_config.model_of(config).num_classes


def to_report(found, known, pretrained):
    """Turn a comparison into what pretrained.json says; ranges are told of, not counted."""
    restored = len(found.sources) - found.ranges
    notes = []
    unused = (
        sum(1 for name in known if checkpoint_comparison.RANGES.search(name) and name.endswith(("/min", "/max")))
        - found.ranges
    )
    if unused > 0:
        notes.append(
            "its {} ranges of quantization are not used: the float graph has none, they are learned".format(unused)
        )
    if found.averages:
        notes.append("{} are moving averages of the weights that it was trained with".format(found.averages))
    return collections.OrderedDict(
        [
            ("source", pretrained["source"]),
            ("prefix", pretrained["prefix"]),
            ("kind", found.kind),
            ("from_detection_checkpoint", found.kind == "detection"),
            ("load_all_detection_checkpoint_vars", found.kind == "detection"),
            ("restored", restored),
            ("variables", restored + sum(map(len, found.not_restored.values()))),
            ("backbone", {"restored": found.backbone[0], "variables": found.backbone[1]}),
            ("not_restored", [{"reason": why, "variables": names} for why, names in found.not_restored.items()]),
            ("notes", notes),
        ]
    )


def note_lost_averages(found):
    """Give a note on batch norms that would stay as they were made: their averages did not come along."""
    lost = [name for names in found.not_restored.values() for name in names if name.endswith("/moving_variance")]
    if not lost:
        return []
    return [
        "{} averages of batch norm are not in it and stay 0 and 1; to train them: "
        "SET=model.faster_rcnn.feature_extractor.batch_norm_trainable=true".format(2 * len(lost))
    ]


def describe(report):
    """Format a report for people, in a line or two."""
    text = "restored {restored} of {variables} variables (backbone {0} of {1}) from {source}".format(
        report["backbone"]["restored"], report["backbone"]["variables"], **report
    )
    if report["not_restored"]:
        text += "; not restored: " + "; ".join(
            "{} ({})".format(len(entry["variables"]), entry["reason"]) for entry in report["not_restored"]
        )
    return [text] + ["  " + note for note in report["notes"]]


def write_report(report, path):
    """Write pretrained.json whole or not at all."""
    with open(path + ".part", "w", encoding="utf-8") as file:
        json.dump(report, file, indent=1)
        file.write("\n")
    os.replace(path + ".part", path)


def note_in_config(config, pretrained, train_dir):
    """Write into a config what the OD API would need to begin with the same weights, in place.

    What they are, they say themselves; of a training under way, its report does, since they may be gone by now.
    """
    report = os.path.join(train_dir, REPORT)
    if os.path.exists(report) and not os.path.exists(pretrained["prefix"] + ".index"):
        with open(report, encoding="utf-8") as file:
            kind = json.load(file)["kind"]
    else:
        kind = checkpoint_comparison.kind_of(read_shapes(pretrained["prefix"], pretrained["source"]))
    train = config.train_config
    train.fine_tune_checkpoint = pretrained["prefix"]
    train.fine_tune_checkpoint_type = kind
    train.from_detection_checkpoint = train.load_all_detection_checkpoint_vars = kind == "detection"
