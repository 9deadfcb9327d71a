"""The findings of a check as a table: how bad, what, how often, what is done about it, and where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from pipeline.datasets.findings import KINDS
from pipeline.datasets.problems import Finding, Problems

SHOWN = 3
UNFOLDED = 25
_LONGEST = 400
_WORTH_A_LOOK = frozenset(
    (
        "size_differs", "size_rescaled", "exif_ignored", "box_duplicate", "box_whole_image", "image_listed_twice",
        "image_unannotated", "label_similar", "label_rare", "label_repeated", "label_map_broken", "object_crowd",
        "split_contradicts", "split_repeated", "split_similar", "split_unknown_image",
    )
)  # fmt: skip
_ORDER = ("error", "warning", "note")


def severity(kind: str) -> str:
    """Say how bad a kind of finding is: an error is left out, a warning is worth a look, a note is only told."""
    if KINDS[kind].refused:
        return "error"
    return "warning" if kind in _WORTH_A_LOOK else "note"


def render_findings(counts: Mapping[str, int], problems: Problems, *, root: str) -> str:
    """Render a table with the worst kinds first, and of each the first findings; one sentence where there are none.

    Paths are shown as below `root`, the dataset's folder.
    """
    known = [kind for kind, count in counts.items() if count and kind in KINDS]
    if not known:
        return "<p>Nothing odd was found.</p>"
    known.sort(key=lambda kind: (_ORDER.index(severity(kind)), -counts[kind], kind))
    rows = "".join(
        _render_row(kind, counts[kind], problems.findings.get(kind, []), root.rstrip("/") + "/") for kind in known
    )
    heads = "".join(
        f'<th scope="col" role="columnheader"{named}>{head}</th>'
        for head, named in (
            ("How bad", ""), ("What was found", ""), ("Count", ' class="number"'), ("What is done", ""), ("Where", ""),
        )
    )  # fmt: skip
    return (
        '<table class="stacked" role="table"><caption>An error is left out of training; a warning is worth a look; '
        "a note is only told.</caption>"
        f'<thead role="rowgroup"><tr role="row">{heads}</tr></thead><tbody role="rowgroup">{rows}</tbody></table>'
    )


def _render_row(kind: str, count: int, findings: Sequence[Finding], root: str) -> str:
    what = KINDS[kind]
    level = severity(kind)
    return (
        f'<tr role="row"><td role="cell"><span class="badge {level}">{level}</span></td>'
        f'<th scope="row" role="rowheader">{_sentence(what.title)}</th>'
        f'<td role="cell" class="number" data-title="Count">{count:,}</td>'
        f'<td role="cell" data-title="What is done">{_sentence(what.done)}</td>'
        f'<td role="cell" class="where">{_render_places(count, findings, root)}</td></tr>'
    )


def _render_places(count: int, findings: Sequence[Finding], root: str) -> str:
    first = _render_list(findings[:SHOWN], root)
    hint = next((finding.hint for finding in findings if finding.hint), None)
    told = f'<div class="hint">What to do: {escape(hint.replace(root, ""))}</div>' if hint else ""
    if len(findings) <= SHOWN:
        return first + told
    unfolded = findings[SHOWN:UNFOLDED]
    unnamed = count - SHOWN - len(unfolded)
    rest = f'<div class="hint">and {unnamed:,} more: all that were kept are in check.json</div>' if unnamed else ""
    return (
        f"{first}{told}<details><summary>{len(unfolded)} more</summary>{_render_list(unfolded, root)}{rest}</details>"
    )


def _render_list(findings: Sequence[Finding], root: str) -> str:
    if not findings:
        return ""
    items = "".join(f"<li>{escape(_shorten(one.message.replace(root, '')))}</li>" for one in findings)
    return f'<ul class="examples">{items}</ul>'


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _sentence(text: str) -> str:
    return escape(text[:1].upper() + text[1:])
