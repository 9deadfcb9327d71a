"""What a training leaves for people and programs to look at while it runs.

output/cats/train/metrics.jsonl      {"step": 10, "loss": 2.2, "learning_rate": 0.003, "seconds_a_step": 0.3, ...}
                                     {"step": 100, "map": 0.31, "map_50": 0.6, "quantized": false, ...}
output/cats/train/events.out.*       the same numbers for TensorBoard

A step has at most one line of each kind: losses, and the evaluation of its checkpoint.
"""

import json
import math
import os

import tensorflow as tf


class MetricsFiles:
    """Both files of one run; an earlier run's lines after the resumed step are dropped."""

    def __init__(self, train_dir, step):
        self._path = os.path.join(train_dir, "metrics.jsonl")
        lines = _read_lines(self._path, step)
        with open(self._path + ".part", "w", encoding="utf-8") as file:
            file.writelines(lines)
        os.replace(self._path + ".part", self._path)
        self.evaluations = read_evaluations(train_dir, step)
        self._events = tf.compat.v1.summary.FileWriter(train_dir)
        if step:
            # TensorBoard then drops the steps that an interrupted run did after its last checkpoint.
            self._events.add_session_log(
                tf.compat.v1.SessionLog(status=tf.compat.v1.SessionLog.START), global_step=step + 1
            )

    def add(self, step, values):
        """Add the numbers of one step."""
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps(dict(step=step, **values)) + "\n")
        summary = tf.compat.v1.Summary()
        for name, value in values.items():
            if not isinstance(value, bool):
                summary.value.add(tag=name, simple_value=value)
        self.add_summary(step, summary)

    def add_summary(self, step, summary):
        """Add a tf.Summary for TensorBoard alone, such as pictures."""
        self._events.add_summary(summary, step)
        self._events.flush()

    def add_evaluation(self, step, quantized, result, seconds):
        """Add an evaluation.Evaluation; from then on its step counts as evaluated."""
        values = {
            "map": result.map,
            "map_50": result.map_50,
            "evaluation_seconds": round(seconds, 2),
            "evaluated_images": result.images,
            "quantized": quantized,
        }
        self.add(step, values)
        self.evaluations.append(dict(values, step=step))

    def is_evaluated(self, step):
        """Tell whether the checkpoint of a step was evaluated."""
        return any(line["step"] == step for line in self.evaluations)

    def count_without_better(self, quantized):
        """Count the latest evaluations of a phase that did not better its mAP."""
        best, count = -1.0, 0
        for line in self.evaluations:
            if line["quantized"] != quantized:
                continue
            count = 0 if line["map"] > best else count + 1
            best = max(best, line["map"])
        return count


def read_evaluations(train_dir, step=math.inf):
    """Read the lines of metrics.jsonl that are evaluations, up to a step."""
    lines = map(json.loads, _read_lines(os.path.join(train_dir, "metrics.jsonl"), step))
    return [line for line in lines if {"map", "quantized"} <= set(line)]


def _read_lines(path, step):
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8", errors="replace") as file:
        return [line for line in file if _parse_step(line) <= step]


def _parse_step(line):
    try:
        return json.loads(line)["step"] if line.endswith("\n") else math.inf
    except (ValueError, KeyError, TypeError):
        return math.inf  # half a line, written when the machine stopped
