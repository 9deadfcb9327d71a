"""The page of a run, output/NAME/report.html: one file without scripts or anything from elsewhere.

Every word that comes from the dataset or the run is escaped. The same run gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from pipeline.report.page_frame import render_page
from pipeline.run_report.advice import Advice
from pipeline.run_report.artefacts_part import render_artefacts, render_preflight_part
from pipeline.run_report.drop_part import render_drop
from pipeline.run_report.figures import USUAL_THRESHOLD
from pipeline.run_report.images_part import render_images
from pipeline.run_report.parts import count, format_share, render_tiles
from pipeline.run_report.run_data import RunData, Scored
from pipeline.run_report.scores_part import (
    render_classes,
    render_confusions,
    render_errors,
    render_precision_recall,
    render_sizes,
)
from pipeline.run_report.shown_images import ShownImage
from pipeline.run_report.style import REPORT_STYLE
from pipeline.run_report.training_part import (
    find_quantization_step,
    render_basis,
    render_curves,
    render_dataset_charts,
)
from pipeline.run_report.usage_part import render_usage

GOOD_RECALL = 0.9
FAIR_RECALL = 0.6
"""Shares of the objects found from which on a detector is called good, or of use: words, not science."""
NOT_EVALUATED = "<p>The model was not tried on test images: <code>make evaluate NAME={}</code></p>"
Groups = Mapping[str, Sequence[ShownImage]]


def render_report(data: RunData, images: Groups) -> str:
    """Render the page as text; `images` are what to show of the test images."""
    files, scored = data.files, data.scored
    threshold = scored.figures.threshold if scored else USUAL_THRESHOLD
    nothing = NOT_EVALUATED.format(escape(files.name))
    sections = []
    if scored or data.advice:
        sections.append(("next", "What to do next", render_advice(data.advice)))
    if scored:
        names = scored.matches.class_names
        sections += [
            ("scores", "How well it detects", _scores(data, scored)),
            ("images", "On test images", render_images(images, names, threshold=threshold)),
            ("errors", "What goes wrong", _errors(scored)),
        ]
    sections += [
        ("training", "The training", render_basis(data) + render_curves(files.log, find_quantization_step(data))),
        ("dataset", "The boxes it learned from", render_dataset_charts(data.counts)),
        (
            "files",
            "The exported files",
            render_artefacts(files) + render_preflight_part(files.preflight) + render_drop(files.drop),
        ),
        ("use", "How to use them", render_usage(files, threshold=threshold)),
    ]
    return render_page(
        f"Report {files.name}",
        subtitle=_subtitle(data),
        top=_verdict(scored, nothing) + _tiles(data),
        sections=sections,
        style=REPORT_STYLE,
        made_by=f"make report NAME={files.name}",
    )


def write_page(path: Path, page: str) -> None:
    """Write a page, whole or not at all."""
    part = path.with_name(path.name + ".part")
    # A lone surrogate, which JSON and file names can hold, cannot be written otherwise
    part.write_text(page, encoding="utf-8", errors="backslashreplace", newline="\n")
    part.replace(path)


def _subtitle(data: RunData) -> str:
    settings = data.files.settings
    return (
        f"<code>{escape(str(settings.get('model') or 'unknown model'))}</code> trained on "
        f"<code>{escape(str(settings.get('dataset') or 'an unknown dataset'))}</code>"
    )


def _verdict(scored: Scored | None, nothing: str) -> str:
    if scored is None:
        return f'<div class="verdict fair">{nothing}</div>'
    total = scored.figures.total
    if not total.boxes:
        return '<p class="verdict bad"><strong>There is nothing to find in the test images.</strong></p>'
    word = (
        "It detects well." if total.recall >= GOOD_RECALL and total.precision >= GOOD_RECALL
        else "It detects, with gaps." if total.recall >= FAIR_RECALL and total.precision >= FAIR_RECALL
        else "It does not detect well yet."
    )  # fmt: skip
    worse = min(total.recall, total.precision)
    bad = " bad" if worse < FAIR_RECALL else " fair" if worse < GOOD_RECALL else ""
    found = total.right + total.wrong
    right = f"{format_share(total.right, found)} of what it finds is right" if found else "It finds nothing"
    return (
        f'<p class="verdict{bad}"><strong>{word}</strong> On {count(len(scored.matches.names), "test image")} it finds '
        f"{format_share(total.found, total.boxes)} of {count(total.boxes, 'object')}; {right} (at a score of "
        f"{scored.figures.threshold:.2f} or more).</p>"
    )


def _tiles(data: RunData) -> str:
    files, scored = data.files, data.scored
    tiles = []
    entry = files.entry("checkpoint")
    if scored is not None:
        tiles.append(("mAP@.5", f"{scored.costs.map50:.3f}", "1 is perfect"))
    if entry and isinstance(entry.get("map"), (int, float)):
        tiles.append(("mAP", f"{entry['map']:.3f}", "strict about the boxes"))
    if scored is not None and scored.figures.total.boxes:
        total = scored.figures.total
        tiles.append(("Found", format_share(total.found, total.boxes), f"of {count(total.boxes, 'object')}"))
        found = total.right + total.wrong
        tiles.append(("Right", format_share(total.right, found) if found else "-", f"of {count(found, 'detection')}"))
    timed = [
        (one["ms_median"], str(one.get("artefact")))
        for one in files.metrics
        if isinstance(one.get("ms_median"), (int, float)) and not str(one.get("artefact")).endswith("_nms")
    ]
    if timed:
        fastest, name = min(timed)
        tiles.append(("Fastest file", f"{fastest:.1f} ms", f"an image here: {escape(name)}"))
    return render_tiles(tiles) if tiles else ""


def render_advice(advice: Sequence[Advice]) -> str:
    """Render what to do next, the most important first."""
    if not advice:
        return (
            "<p>Nothing stands out: no class is missed or confused much, the training had levelled off, and the "
            "exported files find what the model does. More images from where it will be used make it better still.</p>"
        )
    return (
        '<ol class="advice">'
        + "".join(
            f"<li><strong>{_isolated(one.head)}</strong><p>{_isolated(one.seen)}</p><p>{_isolated(one.todo)}</p>"
            f"{f'<pre>{escape(one.command)}</pre>' if one.command else ''}</li>"
            for one in advice
        )
        + "</ol>"
    )


def _isolated(words: str) -> str:
    """Escape a sentence; a name in it that is written from right to left turns nothing around it."""
    return f"<bdi>{escape(words)}</bdi>"


def _scores(data: RunData, scored: Scored) -> str:
    columns = [
        (name, data.files.entry(name) or {})
        for name in ("checkpoint", "tflite")
        if (data.files.entry(name) or {}).get("per_class")
    ]
    return (
        render_classes(scored.figures, [(name, entry["per_class"]) for name, entry in columns])
        + f'<div class="charts">{render_precision_recall(scored.figures)}'
        + f"<div>{render_sizes(scored.figures)}</div></div>"
    )


def _errors(scored: Scored) -> str:
    return render_errors(scored.figures, scored.costs) + render_confusions(scored.figures)
