"""Compare the variables of a graph with those of a checkpoint: what may be restored, and why the rest may not.

    found = compare(shapes, known, "ssd", (THEIR_NAMES, OUR_NAMES), (90, 3))
    found.sources["FeatureExtractor/MobilenetV2/Conv/weights"]    the name in the checkpoint to restore it from

shapes: {variable: shape} of a graph's network; known: the same of a checkpoint. Nothing is read or built here.
"""

import collections
import re

from checkpoints import moving_averages

EXTRACTORS = {
    "ssd": ("FeatureExtractor/",),
    "faster_rcnn": ("FirstStageFeatureExtractor/", "SecondStageFeatureExtractor/"),
}
RANGES = re.compile(r"(act|weights)_quant/")

Comparison = collections.namedtuple("Comparison", "kind sources not_restored backbone ranges averages")
"""kind: "detection" or "classification". sources: {variable: its name in the checkpoint}. not_restored: {reason:
[variables]}. backbone: (restored, all) of the feature extractor. ranges, averages: how many of the sources are
ranges of quantization, and moving averages of weights."""


def network_variables(variables):
    """Give {name: variable} of what a network consists of: no step, no slots of an optimizer, no averages of weights.

    Slots are called like the variable that they belong to, with a further name: Conv/weights/Momentum.
    """
    named = {variable.op.name: variable for variable in variables}
    kept = {}
    for name, variable in named.items():
        owner = name.rpartition("/")[0]
        if owner not in named and re.search(r"(^|/)(global_step|beta\d_power|local_step|biased)$", name) is None:
            kept[name] = variable
    return kept


def kind_of(known):
    """Tell a "detection" checkpoint from one of "classification", by the names of its variables."""
    scopes = tuple(scope for all_scopes in EXTRACTORS.values() for scope in all_scopes)
    return "detection" if any(name.startswith(scopes) for name in known) else "classification"


def compare(shapes, known, architecture, class_names, class_counts):
    """Find what a graph's variables may be restored from; see Comparison.

    shapes: {variable: shape} of the graph's network; known: those of the checkpoint. class_names: the checkpoint's and
    the run's, in order of their ids, None where they are not known. class_counts: likewise, for the report.
    """
    kind = kind_of(known)
    extractors = EXTRACTORS[architecture]
    same_classes = None not in class_names and list(class_names[0]) == list(class_names[1])
    sources, reasons, ranges, averages = {}, collections.OrderedDict(), 0, 0
    backbone = [0, 0]
    for name in sorted(shapes):
        in_backbone = name.startswith(extractors) and RANGES.search(name) is None
        backbone[1] += in_backbone
        wanted = name
        if kind == "classification" and in_backbone:
            wanted = name.split("/", 1)[1]
        wanted = moving_averages.name_of_average(wanted, known)
        is_range = RANGES.search(name) is not None
        if wanted not in known:
            reason = None if is_range else "not in the checkpoint"
        elif known[wanted] != shapes[name]:
            reason = explain_shape(name, known[wanted], shapes[name], class_counts)
        elif is_of_classes(name, shapes[name]) and not same_classes:
            reason = explain_classes(class_names, class_counts)
        else:
            sources[name] = wanted
            backbone[0] += in_backbone
            ranges += is_range
            averages += wanted.endswith(moving_averages.SUFFIX)
            continue
        if reason is not None:
            reasons.setdefault(reason, []).append(name)
    return Comparison(kind, sources, reasons, tuple(backbone), ranges, averages)


def is_of_classes(name, shape):
    """Whether a variable has values for each class: they mean nothing for other classes, or in another order."""
    parts = name.split("/")
    if parts[0].startswith("FirstStage"):
        return False  # it tells objects from background
    if "ClassPredictor" in parts or "class_predictions" in parts:
        return True
    boxes = "BoxEncodingPredictor" in parts or "refined_locations" in parts
    return parts[0].startswith("SecondStage") and boxes and shape[-1] != 4


def explain_shape(name, there, here, class_counts):
    """Say why a variable has another shape in the checkpoint."""
    if is_of_classes(name, here):
        return "class count: {} there, {} here".format(*["unknown" if c is None else c for c in class_counts])
    if "BoxEncodingPredictor" in name or "BoxPredictor/" in name:
        return "other anchors or depth"
    return "other shape (input size or depth), such as {} {} there and {} here".format(name, there, here)


def explain_classes(class_names, class_counts):
    """Say why the values for classes are of no use although there are as many."""
    if class_names[0] is None:
        return "class names: which {} the checkpoint knows is not told beside it".format(class_counts[1])
    return "class names: not those of this run, or in another order"


def network_names(known):
    """Give the names of a checkpoint without those of slots, averages, ranges and the step."""
    return [
        name
        for name in known
        if name.rpartition("/")[0] not in known and name != "global_step" and RANGES.search(name) is None
    ]
