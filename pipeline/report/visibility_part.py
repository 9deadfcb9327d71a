"""What the chosen model can see, for the page: three shares in large figures, the same by class, and advice."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape

from pipeline.report.charts import draw_sizes, name_class
from pipeline.report.visibility import SMALL_PX, TINY_PX, Seen, Visibility


def render_visibility(seen: Visibility, numbers: Mapping[str, int], labels: Sequence[str]) -> str:
    """Render the part of the page that is about the model; `numbers` are the labels' ids, from 0."""
    model = f"<code>{escape(seen.model)}</code>"
    if not seen.total.boxes:
        return f"<p>There are no boxes that {model} could be tried on.</p>"
    if not seen.classes:
        return f"<p>What {model} sees cannot be said: {escape(seen.unknown or '')}.</p>"
    matching = (
        f"<p>Which boxes its anchors match cannot be said: {escape(seen.unknown)}.</p>"
        if seen.unknown
        else "<p>It starts from fixed rectangles, its anchors. A box that one of them overlaps by half (IoU 0.5) is "
        "learnt well; any other still takes the anchor that is nearest to it, but is learnt less well and often "
        "missed. So are boxes of a few pixels, of which the network has hardly anything left.</p>"
    )
    return (
        f"<p>{model} sees every image at {escape(seen.input_size)}.</p>{matching}"
        f'<dl class="tiles">{_tiles(seen)}</dl>'
        f"<h3>What to do about it</h3>{_advice(seen.advice)}"
        f'<div class="charts"><figure class="chart"><h3>Boxes as the model sees them</h3>{_chart(seen)}'
        f"<figcaption>In pixels of the model's input; darker: more boxes.{_limits(seen)}"
        f"{' The rings are the anchors.' if seen.anchor_sizes else ''}</figcaption></figure>"
        f"<div>{_classes(seen, numbers, labels)}</div></div>"
    )


def _tiles(seen: Visibility) -> str:
    total = seen.total
    figures = [
        (f"shrink below {SMALL_PX} pixels", total.below_16),
        (f"shrink below {TINY_PX} pixels", total.below_8),
    ]
    if not seen.unknown:
        figures.insert(0, ("are matched by an anchor", total.matched))
    return "".join(
        f"<div><dt>Boxes that {words}</dt><dd>{format_share(count, total.boxes)}"
        f"<small>{count:,} of {total.boxes:,}</small></dd></div>"
        for words, count in figures
    )


def _limits(seen: Visibility) -> str:
    if not seen.total.below_16:
        return ""
    return f" Below and left of the dashed lines a box's shorter side has less than {TINY_PX} and {SMALL_PX} pixels."


def _chart(seen: Visibility) -> str:
    described = (
        f"half of the boxes are less than {seen.sizes.median_width:.0f} pixels wide, half less than "
        f"{seen.sizes.median_height:.0f} pixels high"
    )
    return draw_sizes(
        seen.sizes,
        title="Boxes by width and height in the model's input",
        described=described,
        anchors=seen.anchor_sizes,
        limits=(TINY_PX, SMALL_PX) if seen.total.below_16 else (),
    )


def _classes(seen: Visibility, numbers: Mapping[str, int], labels: Sequence[str]) -> str:
    shown = [label for label in labels if label in seen.classes]
    # What is seen worst is what people look for
    shown.sort(key=lambda label: (_worst(seen.classes[label], matched=not seen.unknown), label))
    head, rest = shown[:12], shown[12:400]
    more = (
        f"<details><summary>{len(rest)} more classes</summary>{_table(seen, rest, numbers)}</details>" if rest else ""
    )
    return f"<h3>By class, what is seen worst first</h3>{_table(seen, head, numbers)}{more}"


def _worst(seen: Seen, *, matched: bool) -> float:
    return (seen.matched if matched else -seen.below_16) / max(seen.boxes, 1)


def _table(seen: Visibility, labels: Sequence[str], numbers: Mapping[str, int]) -> str:
    heads = ["Boxes", *([] if seen.unknown else ["Matched"]), f"&lt; {SMALL_PX} px", f"&lt; {TINY_PX} px"]
    rows = []
    for label in labels:
        one = seen.classes[label]
        counts = [*([] if seen.unknown else [one.matched]), one.below_16, one.below_8]
        cells = [f"{one.boxes:,}", *(format_share(count, one.boxes) for count in counts)]
        rows.append(
            f'<tr><th scope="row"><span class="name">{name_class(label, numbers.get(label, 0))}</span></th>'
            + "".join(f'<td class="number">{cell}</td>' for cell in cells)
            + "</tr>"
        )
    columns = "".join(f'<th scope="col" class="number">{head}</th>' for head in heads)
    return (
        f'<div class="scroll"><table><thead><tr><th scope="col">Class</th>{columns}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _advice(sentences: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{_emphasise(sentence)}</li>' for sentence in sentences)}</ul>"


def _emphasise(sentence: str) -> str:
    """Set what a sentence begins with (Tiles: ...) in bold, and MODEL=name as something to type."""
    text = re.sub(r"\b(MODEL=\S+)", r"<code>\1</code>", escape(sentence))
    head, colon, tail = text.partition(": ")
    return f"<strong>{head}:</strong> {tail}" if colon and len(head) < 30 else text


def format_share(count: int, whole: int) -> str:
    """Format a share for people: nothing that is not whole is called 0 or 100 %."""
    if not count or count == whole:
        return "0 %" if not count else "100 %"
    share = 100 * count / whole
    if share < 1 or share > 99:
        return "&lt; 1 %" if share < 1 else "&gt; 99 %"
    return f"{share:.0f} %"
