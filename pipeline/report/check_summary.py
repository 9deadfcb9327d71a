"""The findings of a check as lines for people."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.checks.check_file import Check, describe_refused
from pipeline.datasets.findings import KINDS

EXAMPLES = 3
CLASSES = 20


def format_summary(check: Check, *, dataset: str) -> list[str]:
    """Format what the dataset holds, and each kind of finding with its count, what is done, and first examples."""
    lines = [
        f"{dataset}: {check.format}, {check.images} images, {check.boxes} boxes, {len(check.classes)} classes; "
        f"usable: {check.usable_images} images, {check.usable_boxes} boxes",
        "splits: " + (", ".join(f"{name} {count}" for name, count in check.splits.items()) or "none"),
        *_format_classes(check.classes),
    ]
    if not check.findings:
        return [*lines, "findings: none"]
    lines.append("findings:")
    ordered = sorted(check.findings.items(), key=lambda item: (not KINDS[item[0]].refused, -item[1]))
    width = max(len(str(count)) for count in check.findings.values())
    for kind, count in ordered:
        lines.append(f"  {count:>{width}}  {KINDS[kind].title}: {KINDS[kind].done}")
        items = [item for item in check.items if item.kind == kind]
        lines += [f"  {'':{width}}    {item.message}" for item in items[:EXAMPLES]]
        if count > EXAMPLES:
            lines.append(f"  {'':{width}}    ... and {count - EXAMPLES} more")
    return lines


def format_verdict(check: Check, *, page: str) -> str:
    """Say in one line whether the dataset can be used, where the page is, and what to do next."""
    if not check.usable_images:
        return f"not one image can be used; the page: {page}; next: mend the dataset, and check it again"
    if check.refused:
        return f"cannot be used: {describe_refused(check)}; the page: {page}; next: mend them, or KEEP_GOING=1"
    return f"all of it can be used; the page: {page}"


def _format_classes(classes: Mapping[str, int]) -> list[str]:
    shown = sorted(classes.items(), key=lambda item: -item[1])[:CLASSES]
    width = max((len(label) for label, _ in shown), default=0)
    lines = [f"  {label:<{width}}  {count:>7} boxes" for label, count in shown]
    if len(classes) > CLASSES:
        lines.append(f"  ... and {len(classes) - CLASSES} more classes")
    return lines
