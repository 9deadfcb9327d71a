"""Two runs side by side on one page, in the form of the report: output/compare-A-B.html."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from pipeline.report.artefact_table import format_size
from pipeline.report.charts import name_class
from pipeline.report.page_frame import render_page
from pipeline.run_report.images_part import render_image
from pipeline.run_report.line_chart import Line, draw_lines
from pipeline.run_report.page import render_advice
from pipeline.run_report.parts import count, format_share, render_facts, render_table, render_tiles
from pipeline.run_report.run_data import RunData, Scored
from pipeline.run_report.scores_part import KINDS
from pipeline.run_report.shown_images import ShownImage
from pipeline.run_report.style import REPORT_STYLE

COLOURS = (("var(--accent)", "none"), ("var(--second)", "6 3"))
SAME = 0.01
"""mAP that two trainings of one recipe differ by, from the seed alone: less is no difference."""
SHOWN_IMAGES = 6
_NOT_COMPARED = ("name", "backend", "threshold", "checkpoint", "keep")

Both = tuple[RunData, RunData]
Pairs = Sequence[tuple[ShownImage, ShownImage]]


def are_comparable(first: Scored, second: Scored) -> bool:
    """Whether both were tried on the same test images with the same labels."""
    ours, theirs = first.matches, second.matches
    return (
        ours.names == theirs.names
        and ours.class_names == theirs.class_names
        and _boxes_of_images(first) == _boxes_of_images(second)
    )


def _boxes_of_images(scored: Scored) -> list[tuple[int, int]]:
    """Return (image, class) of each label, in an order of their own."""
    labels = scored.matches.labels
    return sorted(zip(labels.images.tolist(), labels.class_ids.tolist(), strict=True))


def choose_differing(first: Scored, second: Scored, *, most: int = SHOWN_IMAGES) -> list[int]:
    """Return the numbers of the images that one run does much better than the other, half of them each way."""
    differences = [
        (theirs.f1 - ours.f1, ours.number)
        for ours, theirs in zip(first.figures.images, second.figures.images, strict=True)
    ]
    better = [number for gain, number in sorted(differences, key=lambda one: (-one[0], one[1])) if gain > 0]
    worse = [number for gain, number in sorted(differences) if gain < 0]
    half = most // 2
    chosen = better[: max(half, most - len(worse))]
    return chosen + worse[: most - len(chosen)]


def render_comparison(both: Both, pairs: Pairs, *, comparable: bool) -> str:
    """Render the page as text; `pairs` are the same images of both runs."""
    first, second = both
    names = tuple(one.files.name for one in both)
    sections = [
        ("differs", "What differs", _render_settings(both)),
        ("scores", "How well they detect", _render_classes(both, comparable)),
        ("images", "On the same images", _render_pairs(both, pairs, comparable)),
        ("errors", "What goes wrong", _render_errors(both)),
        ("training", "The trainings", _render_curves(both)),
        ("files", "The exported files", _render_artefacts(both)),
        (
            "next",
            "What to do next",
            '<div class="sides">'
            + "".join(f"<div><h3>{_head(one)}</h3>{render_advice(one.advice)}</div>" for one in both)
            + "</div>",
        ),
    ]
    return render_page(
        f"{names[0]} and {names[1]}",
        subtitle=f"{_described(first)}<br>{_described(second)}",
        top=_verdict(both, comparable) + _tiles(both),
        sections=sections,
        style=REPORT_STYLE,
        made_by=f"odpipe compare {names[0]} {names[1]}",
    )


def _head(data: RunData) -> str:
    return f"<bdi>{escape(data.files.name)}</bdi>"


def _described(data: RunData) -> str:
    settings = data.files.settings
    return (
        f"{_head(data)}: <code>{escape(str(settings.get('model') or 'unknown model'))}</code> on "
        f"<code>{escape(str(settings.get('dataset') or 'an unknown dataset'))}</code>"
    )


def find_map(data: RunData) -> float | None:
    """Return the run's mAP, of the checkpoint where it was evaluated."""
    entry = data.files.entry("checkpoint") or next(iter(data.files.metrics), {})
    value = entry.get("map")
    return float(value) if isinstance(value, (int, float)) else None


def _verdict(both: Both, comparable: bool) -> str:
    first, second = both
    ours, theirs = find_map(first), find_map(second)
    if not comparable:
        return (
            '<p class="verdict bad"><strong>They were tried on different test images.</strong> Their figures cannot be '
            "held against each other: train both with the same DATASET, SEED and TEST_FRACTION.</p>"
        )
    if ours is None or theirs is None:
        return ""
    gain = theirs - ours
    if abs(gain) < SAME:
        return (
            '<p class="verdict fair"><strong>They detect equally well.</strong> mAP differs by '
            f"{abs(gain):.3f}: two trainings of one recipe differ as much by chance.</p>"
        )
    better, worse = (second, first) if gain > 0 else (first, second)
    return (
        f'<p class="verdict"><strong>{_head(better)} detects better.</strong> mAP is {abs(gain):.3f} above that of '
        f"{_head(worse)}.</p>"
    )


def _tiles(both: Both) -> str:
    tiles = []
    for data in both:
        scored, found = data.scored, find_map(data)
        name = _head(data)
        if found is not None:
            tiles.append((f"{name}: mAP", f"{found:.3f}", ""))
        if scored is not None and scored.figures.total.boxes:
            total = scored.figures.total
            right = format_share(total.right, total.right + total.wrong) if total.right + total.wrong else "-"
            share = format_share(total.found, total.boxes)
            tiles.append((f"{name}: found", share, f"{right} of what it finds is right"))
    return render_tiles(tiles) if tiles else ""


def _render_settings(both: Both) -> str:
    first, second = (one.files.settings for one in both)
    keys = [key for key in dict.fromkeys([*first, *second]) if key not in _NOT_COMPARED]
    rows = [
        [escape(key), _value(first.get(key)), _value(second.get(key))]
        for key in keys
        if first.get(key) != second.get(key)
    ]
    images = [one.images for one in both]
    for part, words in (("train", "images to train on"), ("test", "images to test with")):
        ours, theirs = (found.get(part) for found in images)
        if ours != theirs:
            rows.append([words, _value(ours), _value(theirs)])
    if not rows:
        return "<p>Nothing but the name: one recipe, trained twice.</p>"
    return render_table(["Setting", *(_head(one) for one in both)], rows, numbers_from=9)


def _value(value: Any) -> str:
    return "-" if value in (None, [], "") else escape(str(value))


def _signed(value: float) -> str:
    if abs(value) < 0.0005:
        return '<span class="soft">0</span>'
    return f'<span class="{"good" if value > 0 else "badly"}">{value:+.3f}</span>'


def _render_classes(both: Both, comparable: bool) -> str:
    ours, theirs = (one.scored for one in both)
    assert ours is not None and theirs is not None  # the command has looked
    names = list(dict.fromkeys([*ours.matches.class_names, *theirs.matches.class_names]))
    known = [{one.name: one for one in scored.figures.classes} for scored in (ours, theirs)]
    rows = []
    for number, name in enumerate(names):
        pair = [found.get(name) for found in known]
        precisions = [one.ap50 if one else None for one in pair]
        gain = "" if None in precisions else _signed(float(precisions[1] or 0) - float(precisions[0] or 0))
        rows.append([
            f'<span class="name">{name_class(name, number)}</span>',
            *(format_share(one.found, one.boxes) if one and one.boxes else "-" for one in pair),
            *("-" if value is None else f"{value:.3f}" for value in precisions),
            gain,
        ])  # fmt: skip
    heads = ["Class", *(f"{_head(one)} found" for one in both), *(f"{_head(one)} AP@.5" for one in both), "gain"]
    told = "" if comparable else "<p>On different test images.</p>"
    thresholds = " and ".join(f"{scored.figures.threshold:.2f}" for scored in (ours, theirs))
    return f"{told}<p>Found at the score that suits each best: {thresholds}.</p>{render_table(heads, rows)}"


def _render_pairs(both: Both, pairs: Pairs, comparable: bool) -> str:
    if not comparable:
        return "<p>There are none: they were tried on different test images.</p>"
    if not pairs:
        return "<p>Both do the same on every test image.</p>"
    names = [dict(enumerate(one.scored.matches.class_names, 1)) if one.scored else {} for one in both]
    figures = "".join(f'<div class="samples">{"".join(map(render_image, pair, names))}</div>' for pair in pairs)
    return (
        f"<p>The images that they differ on most; left {_head(both[0])}, right {_head(both[1])}. Green is right, "
        f'orange wrong, dashed yellow missed.</p><div class="sides">{figures}</div>'
    )


def _render_errors(both: Both) -> str:
    scored = [one.scored for one in both if one.scored]
    rows = []
    for kind, (head, words) in KINDS.items():
        counts = [{**one.figures.total.kinds, "missed": one.figures.total.missed}[kind] for one in scored]
        gains = [one.costs.gains[kind] for one in scored]
        rows.append([
            f'{head}<br><small class="soft">{words}</small>',
            *(f"{number:,}" for number in counts),
            *(f"+{gain:.3f}" for gain in gains),
        ])  # fmt: skip
    heads = ["Kind", *(_head(one) for one in both), *(f"{_head(one)}: mAP@.5 to win" for one in both)]
    return render_table(heads, rows)


def _render_curves(both: Both) -> str:
    lines, losses = [], []
    for data, (colour, dash) in zip(both, COLOURS, strict=True):
        log = data.files.log
        if log.evaluations:
            points = [(float(one.step), one.map) for one in log.evaluations]
            lines.append(Line(data.files.name, points, colour, dash, dots=True))
        if log.losses:
            losses.append(Line(data.files.name, log.losses, colour, dash))
    told = f"{_head(both[0])} solid, {_head(both[1])} dashed"
    charts = []
    for head, drawn, up, rise in (
        ("mAP on the test images", lines, "mAP", (0.0, 1.0)),
        ("Loss", losses, "loss", None),
    ):
        if drawn:
            chart = draw_lines(
                drawn, title=f"{head} over the steps", described="both runs", across="step", up=up, rise=rise,
                span=(0.0, max(point[0] for line in drawn for point in line.points)), logarithmic=rise is None,
            )  # fmt: skip
            charts.append(f'<figure class="chart"><h3>{head}</h3>{chart}<figcaption>{told}.</figcaption></figure>')
    facts = {
        one.files.name: f"{count(one.files.log.last_step, 'step')}, the best at {one.files.log.best_step or '-'}"
        for one in both
    }
    return render_facts(facts) + f'<div class="charts">{"".join(charts)}</div>'


def _render_artefacts(both: Both) -> str:
    names = list(dict.fromkeys(str(entry["artefact"]) for one in both for entry in one.files.metrics))
    rows = []
    for name in names:
        pair = [one.files.entry(name) or {} for one in both]
        maps = [entry.get("map") for entry in pair]
        rows.append([
            escape(name),
            *(f"{value:.3f}" if isinstance(value, (int, float)) else "-" for value in maps),
            *(f"{entry['ms_median']:.1f}" if isinstance(entry.get("ms_median"), (int, float)) else "-"
              for entry in pair),
            *(format_size(entry["size_bytes"]) if isinstance(entry.get("size_bytes"), int) else "-" for entry in pair),
        ])  # fmt: skip
    heads = ["File", *(f"{_head(one)} {what}" for what in ("mAP", "ms", "size") for one in both)]
    return render_table(heads, rows) if rows else "<p>Neither was evaluated.</p>"
