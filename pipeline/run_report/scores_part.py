"""How well each class is found, by size too, and what kinds of errors there are: tables and curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from pipeline.report.charts import class_style, name_class
from pipeline.run_report.error_costs import RECALLS, ErrorCosts
from pipeline.run_report.figures import ClassFigures, Figures, SizeFigures
from pipeline.run_report.line_chart import Line, draw_lines
from pipeline.run_report.parts import format_share, render_shares, render_table

SHOWN_CLASSES = 30
SHOWN_CURVES = 8
"""More curves than there are colours are a tangle: the worst are shown."""
SHOWN_CONFUSIONS = 12
KINDS = {
    "missed": ("Missed", "labelled, and nothing was found there"),
    "background": ("Background", "found where nothing is labelled"),
    "wrong_class": ("Wrong class", "the box is right, the class is another one"),
    "poor_box": ("Poor box", "the class is right, the box overlaps the label by less than half"),
    "both": ("Both", "another class, and a poor box"),
    "duplicate": ("Duplicate", "found a second time"),
}
PARTS = (("found", "found"), ("confused", "taken for another class"), ("poor", "poor box"), ("unseen", "missed"))


def render_classes(figures: Figures, columns: Sequence[tuple[str, Mapping[str, float | None]]]) -> str:
    """Render a line a class, the worst first. `columns` are AP by class, one of each artefact."""
    numbers = {one.name: number for number, one in enumerate(figures.classes)}
    ordered = sorted(figures.classes, key=lambda one: (not one.boxes, one.recall, one.name))

    def row(one: ClassFigures) -> list[str]:
        parts = (("found", one.found), ("confused", one.confused), ("poor", one.poor), ("unseen", one.missed))
        cells = [
            f'<span class="name">{name_class(one.name, numbers[one.name])}</span>',
            render_shares(parts) if one.boxes else "",
            f"{one.boxes:,}",
            format_share(one.found, one.boxes) if one.boxes else "-",
            format_share(one.right, one.right + one.wrong) if one.right + one.wrong else "-",
            "-" if one.ap50 is None else f"{one.ap50:.3f}",
        ]
        return cells + [_figure(scores.get(one.name)) for _, scores in columns]

    heads = ["Class", "", "Test boxes", "Found", "Right", "AP@.5", *(f"AP {escape(name)}" for name, _ in columns)]
    table = render_table(heads, [row(one) for one in ordered[:SHOWN_CLASSES]], numbers_from=2)
    rest = ordered[SHOWN_CLASSES:]
    more = (
        f"<details><summary>{len(rest):,} more classes</summary>"
        f"{render_table(heads, [row(one) for one in rest], numbers_from=2)}</details>"
        if rest
        else ""
    )
    legend = "".join(f'<li><span class="key {kind}"></span>{words}</li>' for kind, words in PARTS)
    return (
        f"<p>Counted at a score of {figures.threshold:.2f} or more, where finding much and erring little balance best "
        "(F1). Found: of the labelled boxes. Right: of the detections of that class.</p>"
        f'<ul class="legend" aria-label="What became of the labelled boxes">{legend}</ul>{table}{more}'
    )


def _figure(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, (int, float)) else "-"


def render_precision_recall(figures: Figures) -> str:
    """Render the curve of precision over recall of each class."""
    numbers = {one.name: number for number, one in enumerate(figures.classes)}
    worst = sorted((one for one in figures.classes if one.boxes), key=lambda one: one.ap50 or 0.0)[:SHOWN_CURVES]
    if not worst:
        return ""
    lines, names = [], []
    for one in sorted(worst, key=lambda one: numbers[one.name]):
        # Where a recall is never reached, precision falls to nothing: the curve ends there
        points = [
            (float(recall), float(precision))
            for recall, precision in zip(RECALLS, figures.curves[one.name], strict=True)
            if precision > 0
        ]
        colour, dash = class_style(numbers[one.name])
        lines.append(Line(one.name, points, colour, dash))
        names.append(f"<li>{name_class(one.name, numbers[one.name])}</li>")
    told = ", ".join(f"{one.name[:40]} {one.ap50 or 0:.2f}" for one in worst)
    shown = f" The {len(worst)} classes that are found worst." if len(figures.curves) > len(worst) else ""
    chart = draw_lines(
        lines,
        title="Precision over recall, by class",
        described=f"area under the curve: {told}",
        across="recall: share of the objects that are found",
        up="precision: share that is right",
        span=(0, 1),
        rise=(0, 1),
    )
    return (
        f'<figure class="chart"><h3>Precision and recall</h3>{chart}<figcaption>A lower threshold goes to the right: '
        f"more is found, and more of it is wrong. The best curve keeps to the upper right corner.{shown}</figcaption>"
        f'<ul class="legend">{"".join(names)}</ul></figure>'
    )


def render_sizes(figures: Figures) -> str:
    """Render how many boxes were found by their size, in the photo and in the model's input."""
    tables = [_size_table("In the photo", figures.photo_sizes)]
    if figures.input_sizes:
        tables.append(_size_table("In the model's input, by the shorter side", figures.input_sizes))
    return f"<h3>By size</h3>{''.join(tables)}"


def _size_table(caption: str, sizes: Sequence[SizeFigures]) -> str:
    rows = []
    for one in sizes:
        words = f' <small class="soft">{escape(one.words)}</small>' if one.words else ""
        bar = render_shares((("found", one.found), ("unseen", one.boxes - one.found))) if one.boxes else ""
        share = format_share(one.found, one.boxes) if one.boxes else "-"
        rows.append([escape(one.name) + words, bar, f"{one.boxes:,}", share])
    return render_table(["Size", "", "Test boxes", "Found"], rows, numbers_from=2, caption=escape(caption))


def render_errors(figures: Figures, costs: ErrorCosts) -> str:
    """Render the kinds of errors: how many at the threshold, and what mending each would add to mAP@.5."""
    total = figures.total
    counts = {**total.kinds, "missed": total.missed}
    most = max(costs.gains.values(), default=0.0)
    rows = []
    for kind, gain in sorted(costs.gains.items(), key=lambda item: -item[1]):
        head, words = KINDS[kind]
        bar = render_bar(gain, most)
        rows.append([f'{head}<br><small class="soft">{words}</small>', bar, f"+{gain:.3f}", f"{counts[kind]:,}"])
    table = render_table(["Kind", "", "mAP@.5 to win", "Errors"], rows, numbers_from=2)
    return (
        f"<p>mAP@.5 is {costs.map50:.3f}. What would it be if one kind of error were mended, and nothing else? Errors "
        f"are counted at a score of {figures.threshold:.2f} or more; what is to be won is measured over all scores, so "
        f"that what is found only below it is nothing to win.</p>"
        f"{table}"
        '<p class="hint">The kinds, and what they cost, are those of TIDE (Bolya et al. 2020, arXiv 2008.08115).</p>'
    )


def render_bar(value: float, most: float) -> str:
    """Render a share of the longest as a bar."""
    share = 100 * value / most if most > 0 else 0
    return f'<div class="share" aria-hidden="true"><i class="train" style="width:{share:.1f}%"></i></div>'


def render_confusions(figures: Figures) -> str:
    """Render what each class was taken for, the classes that are confused most where there are many."""
    count = len(figures.classes)
    table = figures.confusion
    errors = table.sum(axis=0) + table.sum(axis=1) - 2 * table.diagonal()
    chosen = sorted(sorted(range(count), key=lambda number: -errors[number])[:SHOWN_CONFUSIONS])
    heads = [f"<bdi>{escape(figures.classes[number].name)}</bdi>" for number in chosen]
    rows = []
    for row in [*chosen, count]:
        whole = max(int(table[row].sum()), 1)
        cells = []
        for column in [*chosen, count]:
            number = int(table[row, column])
            if row == count and column == count:
                cells.append("<td></td>")
                continue
            kind = "hit" if row == column else "zero" if not number else ""
            heat = f"background:rgba(var(--heat),{0.75 * number / whole:.2f})" if number else ""
            cells.append(f'<td class="{kind}" style="{heat}">{number:,}</td>')
        head = heads[chosen.index(row)] if row < count else "nothing there"
        rows.append(f'<tr><th scope="row">{head}</th>{"".join(cells)}</tr>')
    columns = "".join(f'<th scope="col">{head}</th>' for head in [*heads, "not found"])
    note = f" The {len(chosen)} classes of {count} with the most errors." if len(chosen) < count else ""
    return (
        "<h3>What is taken for what</h3><p>A row is what was labelled, a column what the model took it for. A label "
        f"with a poor box counts as not found.{note}</p>"
        f'<div class="scroll"><table class="matrix"><thead><tr><th scope="col">labelled as</th>{columns}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )
