"""What is told of one layer, added up image by image: memory stays flat however many images there are.

Three versions of a layer's output are compared:
    found      what the artefact holds
    reference  what the checkpoint's graph holds for the same image
    alone      what the checkpoint's graph makes of the artefact's own values one layer before: the layer by itself
`found` against `reference` is the error so far; `found` against `alone` is what this layer adds to it.
Python 3.6 to 3.8, NumPy.
"""

import numpy as np


class LayerStatistics:
    """The sums of one layer; `to_json` gives the figures."""

    def __init__(self, low, high, step):
        """Take the ends of the range that the artefact can hold, and its step.

        The step is 0 for floats, and the ends are None for those that nothing clips.
        """
        self._low, self._high, self._step = low, high, step
        # Who only clips has no steps; a thousandth of the range is no cut
        self._margin = None if high is None else step or 1e-3 * (high - low)
        self._count = 0
        self._no_numbers = 0
        self._sums = dict.fromkeys(("found", "reference", "alone", "product", "far", "near", "off", "clipped"), 0.0)
        self._seen = [np.inf, -np.inf]
        self._held = [np.inf, -np.inf]
        self._worst = 0.0
        self._channels = None

    def add(self, found, reference, alone, raw):
        """Add an image: arrays of one shape, channels last; `raw` is `alone` before it was quantized."""
        found, reference, alone, raw = [np.asarray(one, np.float64) for one in (found, reference, alone, raw)]
        self._no_numbers += int((np.isfinite(alone) & ~np.isfinite(found)).sum())
        found, alone, raw = [np.where(np.isfinite(one), one, 0) for one in (found, alone, raw)]
        near = found - alone
        sums = {
            "found": found * found, "reference": reference * reference, "alone": alone * alone,
            "product": found * reference, "far": (found - reference) ** 2, "near": near * near,
        }  # fmt: skip
        for name, values in sums.items():
            self._sums[name] += float(values.sum())
        self._count += found.size
        self._worst = max(self._worst, float(np.abs(near).max()))
        self._seen = [min(self._seen[0], float(raw.min())), max(self._seen[1], float(raw.max()))]
        self._held = [min(self._held[0], float(found.min())), max(self._held[1], float(found.max()))]
        if self._step:
            self._sums["off"] += int((np.abs(near) > 1.5 * self._step).sum())
        if self._margin is not None:
            outside = (raw < self._low - self._margin) | (raw > self._high + self._margin)
            self._sums["clipped"] += int(outside.sum())
        self._add_channels(found, alone)

    def _add_channels(self, found, alone):
        found, alone = [one.reshape(-1, one.shape[-1]) for one in (found, alone)]
        sums = np.stack([
            np.full(found.shape[1], found.shape[0], np.float64), alone.sum(0), found.sum(0), (alone * alone).sum(0),
            (alone * found).sum(0), ((found - alone) ** 2).sum(0),
        ])  # fmt: skip
        self._channels = sums if self._channels is None else self._channels + sums

    def to_json(self):
        """Return the figures; relative ones are shares of the signal (roots of mean squares), `_db` ones decibels."""
        count = max(self._count, 1)
        size = {
            name: float(np.sqrt(self._sums[name] / count)) for name in ("found", "reference", "alone", "far", "near")
        }
        cosine = self._sums["product"] / max(np.sqrt(self._sums["found"] * self._sums["reference"]), 1e-300)
        return {
            "signal": size["reference"],
            "relative_error": _ratio(size["far"], size["reference"]),
            "sqnr_db": _decibels(size["reference"], size["far"]),
            "cosine": float(cosine) if size["reference"] > 0 and size["found"] > 0 else None,
            "own_relative_error": _ratio(size["near"], size["alone"]),
            "own_sqnr_db": _decibels(size["alone"], size["near"]),
            "own_error_steps": size["near"] / self._step if self._step else None,
            "own_largest_steps": self._worst / self._step if self._step else None,
            "off_share": self._sums["off"] / count if self._step else None,
            "clipped_share": self._sums["clipped"] / count if self._margin is not None else None,
            "no_numbers_share": self._no_numbers / count,
            "seen": self._seen,
            "held": self._held,
            "unused_share": self._unused(),
            "channels": self._channels_to_json(),
        }

    def _unused(self):
        """Return the share of the range that no value came near to; None for floats."""
        if not self._step or self._high <= self._low:
            return None
        used = min(self._held[1], self._high) - max(self._held[0], self._low)
        return max(0.0, 1 - used / (self._high - self._low))

    def _channels_to_json(self):
        """Return how the error is shared out between the channels: the worst one, and the line that fits it."""
        count, alone, found, square, product, error = self._channels
        total = error.sum()
        if not total > 0:
            return None
        worst = int(np.argmax(error))
        spread = square - alone**2 / count
        known = spread > 1e-9 * np.maximum(square, 1e-30)
        slopes = np.where(known, (product - alone * found / count) / np.where(known, spread, 1), 1)
        shifts = (found - slopes * alone) / count
        # How many channels together hold nine tenths of the error
        many = int(np.searchsorted(np.cumsum(np.sort(error)[::-1]), 0.9 * total)) + 1
        return {
            "count": int(len(error)),
            "worst": worst,
            "worst_share": float(error[worst] / total),
            "nine_tenths": min(many, len(error)),
            "slope": float(slopes[worst]) if known[worst] else None,
            "shift": float(shifts[worst]),
            "slopes": [float(one) for one in np.percentile(slopes[known], (10, 50, 90))] if known.any() else None,
        }


def compare_weights(found, reference, axis):
    """Compare an artefact's weights with the graph's, both in one layout; `axis` counts the channels.

    `range_ratio` is the widest channel's range over the middle one's: with one scale for all, the middle one has
    255 / range_ratio steps left. `slopes` are the smallest and the largest factor of a channel.
    """
    numbers = np.isfinite(found)
    no_numbers = found.size - int(numbers.sum())
    found = np.where(numbers, found, 0)
    others = tuple(place for place in range(found.ndim) if place != axis)
    ranges = np.abs(found).max(axis=others)
    told = {
        "range_ratio": _ratio(float(ranges.max()), float(np.median(ranges))),
        "widest": int(np.argmax(ranges)),
        "count": int(len(ranges)),
        "no_numbers": no_numbers,
        "different_values": int(len(np.unique(found))),
    }
    if reference is None or reference.shape != found.shape:
        return told
    error = np.sqrt(((found - reference) ** 2).mean(axis=others))
    size = np.sqrt((reference**2).mean(axis=others))
    worst = int(np.argmax(error))
    squares, products = [(reference * one).sum(axis=others) for one in (reference, found)]
    slopes = products[squares > 0] / squares[squares > 0]
    told.update(
        relative_error=_ratio(float(np.sqrt((error**2).mean())), float(np.sqrt((size**2).mean()))),
        worst=worst,
        worst_relative_error=_ratio(float(error[worst]), float(size[worst])),
        worst_slope=float(products[worst] / squares[worst]) if squares[worst] > 0 else None,
        slopes=[float(slopes.min()), float(slopes.max())] if len(slopes) else None,
        different_values_in_graph=int(len(np.unique(reference))),
    )
    return told


def _ratio(error, size):
    return error / size if size > 0 else None


def _decibels(size, error):
    """Return 20 log10(size / error); None where one of them is nothing."""
    return float(20 * np.log10(size / error)) if size > 0 and error > 0 else None
