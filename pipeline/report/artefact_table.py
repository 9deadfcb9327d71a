"""The tables at the end of an evaluation: what each artefact finds, what it costs, and where a class lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from typing import Any, Literal

from rich import box
from rich.console import Console
from rich.table import Table

WIDTH = 100
MOST_CLASSES = 12
VERDICTS = {
    "reference": "",
    "within": "ok",
    "short_of_aim": "ok, not at its aim",
    "broken": "BROKEN",
    "no_limit": "",
    "not_run": "not run",
}
NOTHING = "-"

Column = tuple[str, Literal["left", "right"]]


def render_artefact_table(metrics: Sequence[Mapping[str, Any]]) -> str:
    """Render the entries of metrics.json (`pipeline.fidelity.entries`) as three tables of at most 100 columns.

    First how well each artefact detects beside the checkpoint it came from, then what it costs, then the classes that
    lost most.
    """
    return "\n\n".join(filter(None, (render_accuracy(metrics), render_costs(metrics), render_classes(metrics))))


def render_accuracy(metrics: Sequence[Mapping[str, Any]]) -> str:
    """Render mAP, AR and boxes against the checkpoint's; points are hundredths of mAP."""
    rows = [
        (
            entry["artefact"],
            _figure(entry["map"]),
            _signed(entry["difference_points"]),
            format_limit(entry),
            _figure(entry["map50"]),
            _figure(entry["ar100"]),
            _percent(entry["same_boxes"]),
            VERDICTS[entry["verdict"]],
        )
        for entry in metrics
    ]
    titles = _columns("artefact", "mAP>", "points>", "limit>", "mAP@.5>", "AR@100>", "same boxes>", "verdict")
    return _render(titles, rows)


def render_costs(metrics: Sequence[Mapping[str, Any]]) -> str:
    """Render size, time an image and memory; an asterisk marks the memory of a process that ran several artefacts."""
    rows = [
        (
            entry["artefact"],
            entry["runtime"],
            NOTHING if entry["size_bytes"] is None else format_size(entry["size_bytes"]),
            _milliseconds(entry["ms_median"]),
            _milliseconds(entry["ms_p95"]),
            _memory(entry),
        )
        for entry in metrics
    ]
    titles = _columns("artefact", "runtime", "size>", "ms an image>", "95 % within>", "peak memory>")
    text = _render(titles, rows)
    if any(entry["memory_shared"] and entry["memory_bytes"] for entry in metrics):
        text += "\n* of one process that ran several of them"
    return text


def render_classes(metrics: Sequence[Mapping[str, Any]]) -> str | None:
    """Render each class's AP: the checkpoint's, and the lowest of all artefacts that have a limit.

    Of many classes those that lost most. None where there is no checkpoint to compare with.
    """
    reference = next((entry for entry in metrics if entry["verdict"] == "reference"), None)
    compared = [entry for entry in metrics if entry["limit_points"] is not None and entry["per_class"]]
    if reference is None or not compared:
        return None
    lowest = {
        name: min(((entry["per_class"][name], entry["artefact"]) for entry in compared), key=lambda found: found[0])
        for name, average in reference["per_class"].items()
        if average is not None
    }
    lost = sorted(lowest, key=lambda name: lowest[name][0] - reference["per_class"][name])[:MOST_CLASSES]
    rows = [
        (
            name,
            _figure(reference["per_class"][name]),
            _figure(lowest[name][0]),
            _signed((lowest[name][0] - reference["per_class"][name]) * 100),
            lowest[name][1],
        )
        for name in (lost if len(lowest) > MOST_CLASSES else lowest)
    ]
    text = _render(_columns("class", "AP of the checkpoint>", "lowest>", "points>", "of"), rows)
    more = len(lowest) - len(rows)
    return text + (f"\n{more} more classes lost less: metrics.json has them all" if more else "")


def format_size(size_bytes: int) -> str:
    """Say a size as people do: 812 kB, 4.7 MB."""
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes >= 1e6 else f"{max(1, round(size_bytes / 1e3))} kB"


def format_limit(entry: Mapping[str, Any]) -> str:
    """Say an entry's limit in points: -1.5 is what may be lost, +-0.1 is either way."""
    if entry["limit_points"] is None:
        return NOTHING
    return f"{'+-' if entry['limit_either_way'] else '-'}{entry['limit_points']:g}"


def _figure(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.4f}"


def _signed(points: float | None) -> str:
    if points is None:
        return NOTHING
    return f"{points:+.2f}" if abs(points) >= 0.005 else "0"


def _percent(share: float | None) -> str:
    # Rounded down: 100 % is all of them
    return NOTHING if share is None else f"{int(share * 1000 + 1e-9) / 10:g} %"


def _milliseconds(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.1f}"


def _memory(entry: Mapping[str, Any]) -> str:
    if entry["memory_bytes"] is None:
        return NOTHING
    return format_size(entry["memory_bytes"]) + ("*" if entry["memory_shared"] else "")


def _columns(*titles: str) -> list[Column]:
    """Turn titles into columns; one that ends with > has its figures at the right."""
    return [(title.rstrip(">"), "right" if title.endswith(">") else "left") for title in titles]


def _render(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> str:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title, side in columns:
        # Of what does not fit, only the words of a runtime are broken into lines
        table.add_column(title, justify=side, no_wrap=title != "runtime", overflow="fold")
    for row in rows:
        table.add_row(*row)
    console = Console(file=StringIO(), width=WIDTH, color_system=None, markup=False)
    console.print(table)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in text.splitlines() if line.strip())
