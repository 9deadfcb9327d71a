"""What a training leaves for people and programs to look at while it runs.

output/cats/train/metrics.jsonl      {"step": 10, "loss": 2.2, "learning_rate": 0.003, "seconds_a_step": 0.3, ...}
output/cats/train/events.out.*       the same numbers for TensorBoard
"""

import json
import math
import os

import tensorflow as tf


class MetricsFiles:
    """Both files of one run; an earlier run's lines after the resumed step are dropped."""

    def __init__(self, train_dir, step):
        self._path = os.path.join(train_dir, "metrics.jsonl")
        lines = []
        if os.path.exists(self._path):
            with open(self._path, encoding="utf-8") as file:
                lines = [line for line in file if _parse_step(line) <= step]
        with open(self._path + ".part", "w", encoding="utf-8") as file:
            file.writelines(lines)
        os.replace(self._path + ".part", self._path)
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
            summary.value.add(tag=name, simple_value=value)
        self._events.add_summary(summary, step)
        self._events.flush()


def _parse_step(line):
    try:
        return json.loads(line)["step"]
    except (ValueError, KeyError, TypeError):
        return math.inf  # half a line, written when the machine stopped
