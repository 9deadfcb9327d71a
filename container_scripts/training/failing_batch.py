"""Stop a training whose loss is NaN or explodes, and say which images it was, and what to do.

    watch = LossWatch(config, "output/cats/train")
    watch.check(step, values, batch)       after every step; ends the process with 4 when the training is lost
    watch.is_calm                          whether the weights of this step are worth a checkpoint

The step's images are printed, with the boxes that look wrong, in pixels of the image in the records, and written
to output/cats/train/failed_batch.json.
"""

import collections
import json
import math
import os

from checkpoints import checkpoint_files
from configs import model_config
from screen import fail, say

from training import record_boxes, training_records

FILE_NAME = "failed_batch.json"
REMEMBERED = 50
EXPLODED_LOSS = 1e4
EXPLODED_TIMES = 100.0  # the median of the losses that were remembered
STEPS_IN_A_ROW = 10  # a first step from scratch, or one odd batch, recovers
GROWN_TIMES = 10.0
MOST_SHOWN_IMAGES = 8
MOST_SHOWN_BOXES = 4
BAD_BOXES = "bad boxes"
RATE_TOO_HIGH = "the learning rate is too high"
GRADIENTS = "the gradients overflow"
TINY_BOXES = "tiny boxes"
UNKNOWN = "nothing in the batch looks wrong"


class LossWatch:
    """Looks at the loss and the gradients of every step; remembers the last ones."""

    def __init__(self, config, train_dir):
        """Take the run's final config and its train folder, which holds its label_map.pbtxt."""
        self.is_calm = True
        self._config = config
        self._train_dir = train_dir
        self._losses = collections.deque(maxlen=REMEMBERED)
        self._exploded = 0
        self._last = collections.deque(maxlen=STEPS_IN_A_ROW)
        if os.path.exists(os.path.join(train_dir, FILE_NAME)):
            os.remove(os.path.join(train_dir, FILE_NAME))

    def check(self, step, values, batch):
        """Take a step's metrics and batch (see training_graph.TrainingGraph); fail when the training is lost."""
        reason = self.find_reason(float(values["loss"]), float(batch["gradient_norm"]))
        if reason:
            self.stop(step, reason, values, batch)

    def find_reason(self, loss, gradient_norm):
        """Say why the training is lost with this step; None when it is not."""
        self._last.append(loss)
        if not math.isfinite(loss):
            return "loss is {}".format(loss)
        if not math.isfinite(gradient_norm):
            return "the norm of the gradients is {}, the loss still {:.4g}".format(gradient_norm, loss)
        usual = sorted(self._losses)[len(self._losses) // 2] if self._losses else loss
        self.is_calm = not (loss > EXPLODED_LOSS and loss > EXPLODED_TIMES * usual)
        if self.is_calm:
            self._exploded = 0
            self._losses.append(loss)
            return None
        self._exploded += 1
        if self._exploded < STEPS_IN_A_ROW:
            return None
        return "loss is {:.4g}, and was above {:.4g} for {} steps, where {:.4g} was usual".format(
            loss, max(EXPLODED_LOSS, EXPLODED_TIMES * usual), STEPS_IN_A_ROW, usual
        )

    def stop(self, step, reason, values, batch):
        """Print and write what is known of the failed step; end the process."""
        images = self._describe_images(batch)
        cause, hint = self._find_cause(images, values, batch)
        kept = checkpoint_files.find_checkpoint(self._train_dir)
        report = {
            "step": step,
            "reason": reason,
            "cause": cause,
            "checkpoint": kept and os.path.basename(kept),
            "learning_rate": float(values["learning_rate"]),
            "gradient_norm": float(batch["gradient_norm"]),
            "losses": {name: float(value) for name, value in values.items() if name != "learning_rate"},
            "last_losses": list(self._last),
            "images": images,
        }
        path = os.path.join(self._train_dir, FILE_NAME)
        write_report(path, report)
        for line in describe(report):
            say(line)
        fail(
            "{} at step {}: {}; {} (the whole batch: {})".format(
                reason, step, cause, "kept: {}".format(kept) if kept else "no checkpoint was saved yet", path
            ),
            hint=hint,
            exit_code=4,
        )

    def _describe_images(self, batch):
        names = [name.decode("utf-8", "replace") for name in batch["filename"]]
        class_names = training_records.read_label_map(os.path.join(self._train_dir, "label_map.pbtxt"))
        pattern = self._config.train_input_reader.tf_record_input_reader.input_path[0]
        size = model_config.input_size(self._config)
        found = record_boxes.find_images(pattern, set(names))
        images = []
        for number, name in enumerate(names):
            seen = batch["boxes"][number][: int(batch["box_count"][number])]
            image = {"file": name, "boxes": len(seen), "suspicious": []}
            if name in found:
                image["boxes"] = len(found[name].boxes)
                image["suspicious"] = record_boxes.find_suspicious(found[name], class_names, size)
            image["suspicious"] += record_boxes.find_broken_by_augmentation(seen)
            images.append(image)
        return images

    def _find_cause(self, images, values, batch):
        """Guess the likely cause from what was seen, the surest first: (cause, what to do)."""
        rate = float(values["learning_rate"])
        found = [box["what"] for image in images for box in image["suspicious"]]
        slower = "LR={:.2g} (a tenth)".format(rate / 10)
        clip = 'SET="train_config.gradient_clipping_by_norm=10"'
        if any(what != record_boxes.TINY for what in found):
            return BAD_BOXES, "correct the annotations named above (make check finds more of them), or leave them out"
        if self._has_grown():
            shown = ", ".join("{:.3g}".format(loss) for loss in list(self._last)[-5:])
            return "{} ({:.3g}; the last losses: {})".format(RATE_TOO_HIGH, rate, shown), slower + ", or " + clip
        if not math.isfinite(float(batch["gradient_norm"])) and math.isfinite(float(values["loss"])):
            return GRADIENTS, "{}, or {}".format(clip, slower)
        if found:
            return TINY_BOXES, "a larger input (make check says what the model can see), {}, or {}".format(slower, clip)
        return UNKNOWN, "{}, {}, or a larger BATCH=".format(slower, clip)

    def _has_grown(self):
        finite = [loss for loss in self._last if math.isfinite(loss)]
        usual = sorted(self._losses)[len(self._losses) // 4] if self._losses else math.inf
        return bool(finite) and finite[-1] > GROWN_TIMES * min(usual, min(finite))


def describe(report):
    """Give the lines that show a failed batch to people: at most a screen of them, the suspicious images first."""
    numbers = ["learning rate {:.3g}".format(report["learning_rate"])]
    numbers.append("gradient norm {:.3g}".format(report["gradient_norm"]))
    numbers += ["{} {:.4g}".format(name, value) for name, value in sorted(report["losses"].items())]
    yield "step {}: {}".format(report["step"], ", ".join(numbers))
    images = sorted(report["images"], key=lambda image: not image["suspicious"])
    for image in images[:MOST_SHOWN_IMAGES]:
        yield "  {}  {} box{}".format(image["file"], image["boxes"], "" if image["boxes"] == 1 else "es")
        for box in image["suspicious"][:MOST_SHOWN_BOXES]:
            edges = ", ".join("{:.1f}".format(edge) for edge in box.get("box_px", ()))
            yield "    {}{}: {}".format(box.get("class", "box"), edges and " ({})".format(edges), box["what"])
        if len(image["suspicious"]) > MOST_SHOWN_BOXES:
            yield "    and {} more".format(len(image["suspicious"]) - MOST_SHOWN_BOXES)
    if len(images) > MOST_SHOWN_IMAGES:
        yield "  and {} more images".format(len(images) - MOST_SHOWN_IMAGES)


def write_report(path, report):
    """Write a failed batch as JSON, whole or not at all; what is no number stands as a word, as in "NaN"."""
    with open(path + ".part", "w", encoding="utf-8") as file:
        json.dump(_without_nan(report), file, indent=1)
    os.replace(path + ".part", path)


def _without_nan(value):
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
