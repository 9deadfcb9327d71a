"""The grid of test images: labels and detections over them, in colours and strokes that say what is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from pipeline.report.sample_grid import render_figure
from pipeline.run_report.matching import Numbers
from pipeline.run_report.shown_images import ShownImage, describe_errors

HEADS = {
    "worst": ("The worst", "where most is wrong: what have they in common?"),
    "typical": ("Typical ones", "from the middle of the field"),
    "best": ("The best", "all found, nothing wrong"),
}
NAMED = 4
"""Errors that a caption names; the rest is counted."""
_LONGEST = 40


def render_images(groups: Mapping[str, Sequence[ShownImage]], class_names: Sequence[str], *, threshold: float) -> str:
    """Render the groups of images, worst first."""
    names = dict(enumerate(class_names, 1))
    parts = []
    for key, (head, words) in HEADS.items():
        if images := groups.get(key):
            figures = "".join(render_image(image, names) for image in images)
            parts.append(f'<h3>{head}: <span class="soft">{words}</span></h3><div class="samples">{figures}</div>')
    if not parts:
        return "<p>There is no test image that could be shown.</p>"
    signs = (
        ("right", "found, and right"),
        ("wrong", "found, but wrong"),
        ("missed", "labelled, but missed"),
        ("truth", "the label of what was found"),
    )
    legend = "".join(f'<li><span class="line-sign {key}"></span>{words}</li>' for key, words in signs)
    return (
        f"<p>Test images, which the model has not learned from, with every detection of a score of {threshold:.2f} or "
        f'more.</p><ul class="legend" aria-label="Lines">{legend}</ul>{"".join(parts)}'
    )


def render_image(image: ShownImage, names: Mapping[int, str]) -> str:
    """Render one image with its boxes, and say what is wrong with it."""
    missed, wrong = describe_errors(image, names)
    count, found = int((~image.truth.ignored).sum()), int(image.found.sum())
    words = f"{found} of {count} found" if count else "nothing to find"
    lines = [f'<span class="facts-line">{words}{f", {len(wrong)} wrong" if wrong else ""}</span>']
    lines += [f'<span class="facts-line">missed: {_list(missed)}</span>'] if missed else []
    lines += [f'<span class="facts-line">wrong: {_list(wrong)}</span>'] if wrong else []
    return render_figure(
        image.picture,
        (image.truth.width, image.truth.height),
        name=image.name,
        words=f"{words}, {len(wrong)} wrong",
        drawn=_draw(image),
        caption="".join(lines),
        scale=1.25,
    )


def _list(words: Sequence[str]) -> str:
    more = f" and {len(words) - NAMED} more" if len(words) > NAMED else ""
    return ", ".join(f"<bdi>{escape(word[:_LONGEST])}</bdi>" for word in words[:NAMED]) + more


def _draw(image: ShownImage) -> str:
    truth, wrong = image.truth, ~image.right & ~image.ignored
    size = np.array([truth.width, truth.height] * 2)
    layers = (
        ("truth", truth.boxes[image.found]),
        ("right", image.boxes[image.right]),
        ("missed", truth.boxes[~image.found & ~truth.ignored]),
        ("wrong", image.boxes[wrong]),
    )
    everything = np.concatenate([boxes for _, boxes in layers]) * size
    paths = [f'<path class="under" d="{_outlines(everything)}"/>'] if len(everything) else []
    paths += [f'<path class="{name} box" d="{_outlines(boxes * size)}"/>' for name, boxes in layers if len(boxes)]
    return (
        f'<svg viewBox="0 0 {truth.width} {truth.height}" preserveAspectRatio="none" aria-hidden="true">'
        f"{''.join(paths)}</svg>"
    )


def _outlines(boxes: Numbers | NDArray[np.float64]) -> str:
    return "".join(
        f"M{xmin:.1f} {ymin:.1f}H{xmax:.1f}V{ymax:.1f}H{xmin:.1f}Z" for xmin, ymin, xmax, ymax in boxes.tolist()
    )
