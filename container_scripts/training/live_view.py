"""The one line that a training shows of itself while it runs, short enough for 80 columns with its time left.

view = LiveView(batch=16)
view.note(values, seconds=0.31, peak_bytes=...)     "loss 1.234  lr 0.0031  52 img/s  1.9 GB"
"""

import memory

SMOOTHING = 0.95  # a step's own loss says little: its images were easy or hard


class LiveView:
    """Smooths what jumps from step to step."""

    def __init__(self, batch):
        self._batch = batch
        self._loss = self._seconds = self._weight = 0.0

    def note(self, values, seconds, peak_bytes):
        """Take a step's metrics, its seconds and the process's peak memory; give the note of the progress line."""
        self._loss = SMOOTHING * self._loss + (1 - SMOOTHING) * float(values["loss"])
        self._seconds = SMOOTHING * self._seconds + (1 - SMOOTHING) * seconds
        self._weight = SMOOTHING * self._weight + (1 - SMOOTHING)
        a_second = self._batch * self._weight / max(self._seconds, 1e-9)
        return "loss {:.4g}  lr {:.2g}  {:.{}f} img/s  {}".format(
            self._loss / self._weight,
            float(values["learning_rate"]),
            a_second,
            1 if a_second < 10 else 0,
            memory.format_bytes(peak_bytes),
        )
