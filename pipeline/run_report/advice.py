"""What to do next, told from the figures: each advice says what was seen, and what helps.

The thresholds are meant to be right for people with some hundred images: below them a figure is chance, or not worth
an evening.
"""

from __future__ import annotations

import math
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pipeline.run_report.error_costs import ErrorCosts
from pipeline.run_report.figures import USUAL_THRESHOLD, ClassFigures, Figures
from pipeline.run_report.matches import Matches
from pipeline.run_report.matching import Numbers

FEW_BOXES = 100
"""Of 100 boxes a share of 80 % is known to within 8 points (twice its standard error), of 25 to within 16."""
FEW_BOXES_OF_CLASS = 20
FEW_TO_TRAIN = 100
"""Fewer boxes of a class than this is where more of them help most."""
WORTH_BOXES = 10
"""Of fewer boxes of a class no share is told."""
WORTH_MISSED = 0.3
"""A class of which a third is not seen is of little use."""
SMALL_PX = 16
"""A box of fewer pixels in the model's input is one cell of the finest feature map of these models, or less."""
MOSTLY = 0.5
WORTH_CONFUSED = 0.1
WORTH_CONFUSED_BOXES = 3
WORTH_POOR = 0.15
WORTH_GAIN = 0.03
"""mAP@.5 that mending one kind of error would add: as much as a better model brings."""
HARDLY_LEARNED = 0.1
"""mAP@.5 below which what is wrong with single classes does not matter yet."""
FAR_FROM_USUAL = 0.15
MOST_OF_A_KIND = 3
"""Advice of one kind that is given: who follows three of them has enough to do."""
LONGEST_NAME = 60
RARE = 0.1
"""Boxes of a class by those of the most frequent one."""


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to know: `head` in a few words, `seen` with the figures, `todo` what helps, `command` to type."""

    kind: str
    head: str
    seen: str
    todo: str
    command: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What advice is given from. `train_boxes` are counted by class; `input_sides` as in figures; may be missing."""

    matches: Matches
    figures: Figures
    costs: ErrorCosts
    settings: Mapping[str, Any]
    train_boxes: Mapping[str, int]
    input_sides: tuple[Numbers, Numbers] | None = None

    def train(self, **changed: object) -> str:
        """Return the command that trains again, changed, beside the run that is there."""
        return say_training(self.settings, **changed)


def say_training(settings: Mapping[str, Any], **changed: object) -> str:
    """Return the command that trains a run with these settings again, changed, under another name."""
    words = {"DATASET": settings.get("dataset"), "MODEL": settings.get("model")}
    words |= {"NAME": f"{settings.get('name') or 'my-detector'}-2", **changed}
    return "make train " + " ".join(f"{key}={shlex.quote(str(value))}" for key, value in words.items() if value)


def advise_on_detections(known: Known) -> list[Advice]:
    """Say what the detections on the test images ask for, the most important first."""
    total = known.figures.total
    if not total.boxes:
        return []
    found = [*_advise_hardly_learned(known)]
    if not found:
        for one in sorted(known.figures.classes, key=lambda one: one.recall):
            found += [*_advise_missed(known, one), *_advise_poor(known, one)]
        found += [*_advise_confused(known), *_advise_false(known), *_advise_threshold(known)]
    return [*found, *_advise_rare(known), *_advise_few(known)]


def _advise_hardly_learned(known: Known) -> Iterator[Advice]:
    if known.costs.map50 >= HARDLY_LEARNED:
        return
    steps = int(known.settings.get("steps") or 0)
    yield Advice(
        "hardly_learned",
        "The model has hardly learned anything yet",
        f"mAP@.5 is {known.costs.map50:.2f}; a model that is of use has 0.5 or more.",
        "Look whether the boxes sit where they should (dataset.html), then train much longer, and begin with "
        "pretrained weights where the model has some.",
        known.train(STEPS=max(4 * steps, 5000)),
    )


def _advise_missed(known: Known, one: ClassFigures) -> Iterator[Advice]:
    if one.boxes < WORTH_BOXES or one.missed / one.boxes < WORTH_MISSED:
        return
    name = isolate(one.name)
    head = f"{name}: {_percent(one.missed, one.boxes)} missed"
    seen = f"Of {one.boxes} in the test images nothing was found at {one.missed}."
    small = _share_small(known, one.name)
    trained_on = known.train_boxes.get(one.name)
    if small >= MOSTLY:
        yield Advice(
            "missed_small",
            f"{head}, most of them under {SMALL_PX} pixels",
            f"{seen} {_share(small)} of these have less than {SMALL_PX} pixels on their shorter side in the "
            "model's input.",
            "See whether tiles find them: the same model looks at parts of each photo. On a device choose one with a "
            "larger input (make models; make check with another MODEL says what it sees of your boxes).",
            f"make detect NAME={known.settings.get('name') or 'my-detector'} TILES=2x2 IMAGES=path/to/photos",
        )
    elif trained_on is not None and trained_on < FEW_TO_TRAIN:
        yield Advice(
            "missed_rare",
            f"{head}, and few to learn from",
            f"{seen} The training had {trained_on} boxes of it.",
            f"Label more images of {name}: {FEW_TO_TRAIN} boxes and more, in other places and other light.",
        )
    else:
        yield Advice(
            "missed",
            head,
            seen,
            "Look at the images below: what have the missed ones in common (far away, covered, dark, cut by the edge)? "
            "Label more like these.",
        )


def _share_small(known: Known, name: str) -> float:
    """Return how many of the missed boxes of a class are small in the model's input."""
    if known.input_sides is None:
        return 0.0
    labels = known.matches.labels
    class_id = known.matches.class_names.index(name) + 1
    threshold = known.figures.threshold
    seen = np.maximum(np.maximum(labels.found, labels.confused), labels.poor)
    missed = ~labels.ignored & (labels.class_ids == class_id) & (seen < threshold)
    shorter = np.minimum(*known.input_sides)[missed]
    return float((shorter < SMALL_PX).mean()) if len(shorter) else 0.0


def _advise_poor(known: Known, one: ClassFigures) -> Iterator[Advice]:
    if one.boxes >= WORTH_BOXES and one.poor / one.boxes >= WORTH_POOR:
        yield Advice(
            "poor_box",
            f"{isolate(one.name)}: found, but {_percent(one.poor, one.boxes)} with a poor box",
            f"{one.poor} of {one.boxes} overlap their label by less than half.",
            "Are the labels drawn tightly, and all in one way? If so: train longer, or choose a model with a larger "
            "input.",
        )


def _advise_confused(known: Known) -> Iterator[Advice]:
    names = known.matches.class_names
    worst = sorted(enumerate(known.figures.classes), key=lambda item: -item[1].confused / max(item[1].boxes, 1))
    for row, one in worst:
        counts = known.figures.confusion[row, : len(names)].copy()
        counts[row] = 0
        other = int(counts.argmax()) if len(counts) else 0
        if one.boxes < WORTH_BOXES or counts[other] < max(WORTH_CONFUSED * one.boxes, WORTH_CONFUSED_BOXES):
            continue
        yield Advice(
            "confused",
            f"{isolate(one.name)} is confused with {isolate(names[other])}",
            f"{counts[other]} of {one.boxes} were taken for {isolate(names[other])}.",
            "Are both labelled right everywhere? Label more of both, above all side by side; if people cannot tell "
            "them apart in these photos either, make them one class.",
        )


def _advise_false(known: Known) -> Iterator[Advice]:
    total, gains = known.figures.total, known.costs.gains
    if gains["background"] >= WORTH_GAIN:
        count = total.kinds["background"]
        yield Advice(
            "background",
            "Objects are seen where there are none",
            f"{count} of {total.right + total.wrong} detections lie where nothing is labelled; without such, mAP@.5 "
            f"would be {known.costs.map50 + gains['background']:.2f}.",
            "Look at them below: is an object there that nobody labelled? Then label it. Otherwise add photos like "
            "these, without any box, to the training.",
        )
    if gains["duplicate"] >= WORTH_GAIN:
        yield Advice(
            "duplicate",
            "One object is found several times",
            f"{total.kinds['duplicate']} of {total.right + total.wrong} detections repeat one that is right.",
            "Are some objects labelled in parts, others as a whole? If labels are sound, lower the overlap from "
            "which on boxes are taken for one (iou_threshold of the post-processing).",
        )


def _advise_threshold(known: Known) -> Iterator[Advice]:
    best, total = known.figures.threshold, known.figures.total
    if abs(best - USUAL_THRESHOLD) < FAR_FROM_USUAL:
        return
    name = known.settings.get("name") or "..."
    yield Advice(
        "threshold",
        f"Detect with a threshold of {best:.2f}",
        f"There it finds {_share(total.recall)} of the objects, and {_share(total.precision)} of what it finds is "
        f"right; {USUAL_THRESHOLD} is what is used unless told otherwise.",
        "Give the threshold when you detect, or set it in your own program.",
        f"make detect NAME={shlex.quote(str(name))} IMAGES=folder THRESHOLD={best:.2f}",
    )


def _advise_rare(known: Known) -> Iterator[Advice]:
    most = max(known.train_boxes.values(), default=0)
    rare = [name for name, count in known.train_boxes.items() if 0 < count < RARE * most and count < FEW_TO_TRAIN]
    if rare and (known.settings.get("balance") or "none") == "none":
        yield Advice(
            "rare",
            f"{_list(rare)}: much rarer than the others",
            f"{min(known.train_boxes[name] for name in rare)} boxes to train on, where another class has {most}.",
            "Label more of them; until then, weigh boxes by the rarity of their class.",
            known.train(BALANCE="sqrt"),
        )


def _advise_few(known: Known) -> Iterator[Advice]:
    total = known.figures.total
    none = [one.name for one in known.figures.classes if not one.boxes]
    few = [one.name for one in known.figures.classes if 0 < one.boxes < FEW_BOXES_OF_CLASS]
    if total.boxes < FEW_BOXES:
        error = 2 * math.sqrt(max(total.recall * (1 - total.recall), 0.09) / total.boxes)
        yield Advice(
            "few_boxes",
            "Few test boxes: the figures are rough",
            f"With {total.boxes} boxes, each share may be off by {100 * error:.0f} points by chance.",
            "Keep more images for testing (TEST_FRACTION=0.3), or better: label more.",
        )
    elif few:
        yield Advice(
            "few_boxes",
            f"Few test boxes of {_list(few)}: their figures are rough",
            f"Fewer than {FEW_BOXES_OF_CLASS} of each are in the test images.",
            "Do not choose between two models by these classes; label more of them.",
        )
    if none:
        yield Advice(
            "no_boxes",
            f"No test box of {_list(none)}",
            "Nothing is known of how well they are found; they count in no mean.",
            "Label some in further images.",
        )


def limit(advice: Sequence[Advice]) -> list[Advice]:
    """Keep the first few of each kind, and say at the last of them how many more there are."""
    counts = Counter(one.kind for one in advice)
    given: Counter[str] = Counter()
    kept = []
    for one in advice:
        given[one.kind] += 1
        left = counts[one.kind] - MOST_OF_A_KIND
        if given[one.kind] == MOST_OF_A_KIND and left > 0:
            one = replace(one, seen=f"{one.seen} {left} more like this: the tables below have them.")
        if given[one.kind] <= MOST_OF_A_KIND:
            kept.append(one)
    return kept


def isolate(name: str) -> str:
    """Return the name of a class for a sentence, around which one that runs from right to left turns nothing.

    The two signs (Unicode's first strong isolate, and its end) are not seen.
    """
    name = name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 3] + "..."
    return name if name.isascii() else f"\u2068{name}\u2069"


def _list(names: list[str], most: int = 4) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(isolate, names[:most])) + more


def _percent(count: int, whole: int) -> str:
    return _share(count / whole)


def _share(share: float) -> str:
    return f"{100 * share:.0f} %"
