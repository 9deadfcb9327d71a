"""The page of a dataset, output/NAME/dataset.html: what is in it, what is odd about it, and what a model can see.

One file without scripts, fonts or anything else from elsewhere: it can be mailed, printed, and opened from a disk.
Every word that comes from the dataset is escaped. The same dataset and findings give the same bytes.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from pipeline.datasets.findings import KINDS
from pipeline.datasets.model import Dataset, count_boxes
from pipeline.datasets.problems import Problems
from pipeline.datasets.splitting.split import Split
from pipeline.report.box_counts import PLACES, BoxCounts, count_for_charts
from pipeline.report.charts import draw_bar, draw_per_image, draw_places, draw_ratios, draw_sizes, name_class
from pipeline.report.findings_table import render_findings
from pipeline.report.page_frame import render_page
from pipeline.report.page_style import STYLE
from pipeline.report.sample_grid import choose_samples, render_samples
from pipeline.report.visibility import Visibility
from pipeline.report.visibility_part import format_share, render_visibility

SHOWN_CLASSES = 30
LISTED_CLASSES = 2000


def write_dataset_page(
    path: Path,
    *,
    dataset: Dataset,
    split: Split | None,
    summary: Mapping[str, Any],
    problems: Problems,
    visibility: Visibility | None = None,
    name: str = "",
) -> None:
    """Write the page, whole or not at all.

    `dataset` holds what is usable, `summary` the public part of check.json (see checks/check_file.py). `split` is
    None where the images cannot be divided, `visibility` where no model is chosen; `name` is the run's.
    """
    page = render_dataset_page(dataset, split, summary, problems, visibility=visibility, name=name)
    part = path.with_name(path.name + ".part")
    # A lone surrogate, which JSON and file names can hold, cannot be written otherwise
    part.write_text(page, encoding="utf-8", errors="backslashreplace", newline="\n")
    part.replace(path)


def render_dataset_page(
    dataset: Dataset,
    split: Split | None,
    summary: Mapping[str, Any],
    problems: Problems,
    *,
    visibility: Visibility | None = None,
    name: str = "",
) -> str:
    """Render the page as text."""
    numbers = {label: number for number, label in enumerate(dataset.labels)}
    counts = count_for_charts(dataset.images)
    samples, sample_count = render_samples(choose_samples(dataset.images, problems), numbers)
    sections = [
        ("findings", "What was found", render_findings(summary["findings"], problems, root=str(dataset.root))),
        ("samples", "Samples", _samples(samples, sample_count, dataset, numbers)),
        ("classes", "Classes and split", _classes(dataset, split, summary, numbers)),
        ("boxes", "Boxes", render_box_charts(counts)),
        ("model", "What the model can see", _model(visibility, numbers, dataset.labels)),
        ("next", "What to do next", _next(dataset, summary, visibility, name)),
    ]
    return render_page(
        f"Dataset {dataset.root.name or dataset.root}",
        subtitle=f"<code>{escape(str(dataset.root))}</code>, read as {escape(str(summary['format']))}",
        top=_verdict(summary) + _tiles(dataset, split, summary, counts),
        sections=sections,
        style=STYLE,
        made_by="make check",
    )


def _verdict(summary: Mapping[str, Any]) -> str:
    refused = sum(count for kind, count in summary["findings"].items() if kind in KINDS and KINDS[kind].refused)
    images, boxes = summary["usable_images"], summary["usable_boxes"]
    if not images:
        return (
            '<p class="verdict bad" role="status"><strong>Nothing in this dataset can be used.</strong> '
            "What was found, below, says why.</p>"
        )
    if refused:
        return (
            f'<p class="verdict bad" role="status"><strong>{_count(refused, "item")} cannot be used.</strong> '
            f"{images:,} of {_count(summary['images'], 'image')} and {boxes:,} of {_count(summary['boxes'], 'box')} "
            "can. Training stops until they are mended, or left out.</p>"
        )
    return (
        '<p class="verdict" role="status"><strong>All of it can be used.</strong> '
        f"{_count(images, 'image')} and {_count(boxes, 'box')}; every image was decoded.</p>"
    )


def _tiles(dataset: Dataset, split: Split | None, summary: Mapping[str, Any], counts: BoxCounts) -> str:
    sizes = counts.image_sizes.most_common()
    widest = max(counts.image_sizes, key=lambda size: size[0] * size[1], default=(0, 0))
    size_words = "" if not sizes else f"largest {widest[0]:,} x {widest[1]:,} px"
    tiles = [
        ("Images", f"{summary['usable_images']:,}", size_words),
        ("Boxes", f"{summary['usable_boxes']:,}", f"{_mean(counts.boxes, len(dataset.images))} an image"),
        ("Classes", f"{len(dataset.labels):,}", ""),
        ("Without boxes", f"{counts.empty_images:,}", "images"),
    ]
    if split is not None:
        tiles.append(("Train / test", f"{len(split.train):,} / {len(split.test):,}", "images"))
    return '<dl class="tiles">' + "".join(
        f"<div><dt>{head}</dt><dd>{value}{f'<small>{words}</small>' if words else ''}</dd></div>"
        for head, value, words in tiles
    ) + "</dl>"  # fmt: skip


def _samples(figures: str, count: int, dataset: Dataset, numbers: Mapping[str, int]) -> str:
    if not count:
        return "<p>There is no image that could be shown.</p>"
    legend = "".join(f"<li>{name_class(label, numbers[label])}</li>" for label in dataset.labels[:40])
    more = f"<li>and {len(dataset.labels) - 40} more</li>" if len(dataset.labels) > 40 else ""
    return (
        f"<p>{_count(count, 'image')} of {len(dataset.images):,}: first those with findings, then each class, then "
        "from all over the dataset. Are the boxes where they should be?</p>"
        f'<ul class="legend" aria-label="Classes">{legend}{more}</ul><div class="samples">{figures}</div>'
    )


def _classes(dataset: Dataset, split: Split | None, summary: Mapping[str, Any], numbers: Mapping[str, int]) -> str:
    if not dataset.labels:
        return "<p>There are no classes.</p>"
    train = count_boxes(split.train if split else dataset.images)
    test = count_boxes(split.test if split else ())
    ordered = sorted(dataset.labels, key=lambda label: (-train[label] - test[label], label))
    most = max(train[label] + test[label] for label in ordered)

    def table(labels: Sequence[str]) -> str:
        rows = "".join(
            f'<tr><th scope="row"><span class="name">{name_class(label, numbers[label])}</span></th>'
            f'<td class="bar">{draw_bar(train[label], test[label], most=most)}</td>'
            f'<td class="number">{train[label]:,}</td><td class="number">{test[label]:,}</td></tr>'
            for label in labels
        )
        return (
            '<div class="scroll"><table><caption>Boxes of each class</caption><thead><tr><th scope="col">Class</th>'
            '<td class="bar"></td>'
            '<th scope="col" class="number"><span class="key train"></span>Train</th>'
            '<th scope="col" class="number"><span class="key test"></span>Test</th></tr></thead>'
            f"<tbody>{rows}</tbody></table></div>"
        )

    rest = ordered[SHOWN_CLASSES:LISTED_CLASSES]
    more = f"<details><summary>{len(rest):,} more classes</summary>{table(rest)}</details>" if rest else ""
    return _split(split, summary) + table(ordered[:SHOWN_CLASSES]) + more


def _split(split: Split | None, summary: Mapping[str, Any]) -> str:
    if split is None:
        return "<p>The images cannot be divided into train and test.</p>"
    train, test = len(split.train), len(split.test)
    splits = summary["splits"]
    parts = (
        ""
        if set(splits) <= {"train", "test"}
        else ": " + ", ".join(f"{count:,} {escape(str(name))}" for name, count in splits.items())
    )
    return (
        f'<div class="split" aria-hidden="true"><div class="train" style="flex:{train}"></div>'
        f'<div class="test" style="flex:{test}"></div></div>'
        f"<p>Split {escape(split.how)}: {_count(train, 'image')} to train on and {test:,} to test with "
        f"({format_share(test, train + test)}){parts}.</p>"
    )


def render_box_charts(counts: BoxCounts) -> str:
    """Render the charts of all boxes: their sizes, shapes, places and how many an image has."""
    if not counts.boxes:
        return "<p>There are no boxes.</p>"
    sizes = counts.sizes
    in_sizes = (
        f"half of the boxes are less than {sizes.median_width:.0f} pixels wide, half less than "
        f"{sizes.median_height:.0f} pixels high"
    )
    in_ratios = f"half of the boxes have a width less than {counts.median_ratio:.2g} times their height"
    third = PLACES // 3
    middle = int(counts.places[third:-third, third:-third].sum())
    in_places = f"{format_share(middle, counts.boxes)} of the centres lie in the middle ninth of their images"
    in_images = (
        f"{_mean(counts.boxes, int(counts.per_image.sum()))} boxes an image in the mean, {counts.most_boxes:,} at "
        f"most, {_count(counts.empty_images, 'image')} without any"
    )
    charts: list[tuple[str, str, str, str, Callable[..., str], Any]] = [
        ("Size", "Boxes by width and height in the images", in_sizes, "darker: more boxes", draw_sizes, sizes),
        ("Shape", "Boxes by width divided by height", in_ratios, "", draw_ratios, counts.ratios),
        ("Place", "Boxes by where in their images their centres lie", in_places, "darker: more boxes", draw_places,
         counts.places),
        ("Number", "Images by how many boxes they have", in_images, "", draw_per_image, counts.per_image),
    ]  # fmt: skip
    return '<div class="charts">' + "".join(
        f'<figure class="chart"><h3>{head}</h3>{draw(values, title=title, described=words)}'
        f"<figcaption>{title}: {words}{f'; {key}' if key else ''}.</figcaption></figure>"
        for head, title, words, key, draw, values in charts
    ) + "</div>"  # fmt: skip


def _model(visibility: Visibility | None, numbers: Mapping[str, int], labels: Sequence[str]) -> str:
    if visibility is None:
        return "<p>No model was chosen: <code>make check DATASET=... MODEL=...</code> adds what it can see.</p>"
    return render_visibility(visibility, numbers, labels)


def _next(dataset: Dataset, summary: Mapping[str, Any], visibility: Visibility | None, name: str) -> str:
    said = f"DATASET={shlex.quote(str(dataset.root))}"
    run = "".join(
        f" {key}={shlex.quote(value)}"
        for key, value in (("MODEL", visibility.model if visibility else ""), ("NAME", name))
        if value
    )
    refused = any(count and kind in KINDS and KINDS[kind].refused for kind, count in summary["findings"].items())
    if not summary["usable_images"]:
        return f"<p>Mend what was found, and look again:</p><pre>make check {escape(said + run)}</pre>"
    if refused:
        return (
            f"<p>Mend what was found, and look again:</p><pre>make check {escape(said + run)}</pre>"
            f"<p>Or train without what cannot be used:</p><pre>make train {escape(said + run)} KEEP_GOING=1</pre>"
        )
    return f"<p>Train on it:</p><pre>make train {escape(said + run)}</pre>"


def _count(number: int, word: str) -> str:
    plural = {"box": "boxes"}.get(word, word + "s")
    return f"{number:,} {word if number == 1 else plural}"


def _mean(total: int, count: int) -> str:
    mean = total / count if count else 0.0
    return f"{mean:.0f}" if mean >= 10 or mean == int(mean) else f"{mean:.1f}"
