"""What happens to a bad item: the policy, not the reader, decides."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from pipeline.datasets.findings import KINDS
from pipeline.errors import DataError, printable

KEPT_OF_A_KIND = 1000
"""Findings of one kind whose words are kept; beyond them they are only counted, so that memory stays flat."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found: its kind (a key of `KINDS`), a sentence or a place, and what to do about it."""

    kind: str
    message: str
    hint: str | None = None


class ItemError(DataError):
    """One item of a dataset cannot be used; `kind` is a key of `KINDS`."""

    def __init__(self, kind: str, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.kind = kind


Parts = list[tuple[str, int, list[tuple[str, "str | None"]]]]
"""Of each kind: how many, and the messages and hints of those whose words are kept."""


class Problems:
    """Collects what a reader finds odd.

    Strict by default: the first item refused raises DataError. With `keep_going` it is recorded, the reader
    leaves the item out, and whoever called the reader shows what was found. A note is about something legal that
    people should know of (a clipped box, a skipped polyline); it never raises.

    `lost_images` and `lost_boxes` count what the findings cost, so that what a dataset holds is what was read
    plus these.
    """

    def __init__(self, *, keep_going: bool = False) -> None:
        self.keep_going = keep_going
        self.findings: dict[str, list[Finding]] = {}
        self.counts: Counter[str] = Counter()
        self.lost_images = 0
        self.lost_boxes = 0

    def refuse(self, kind: str, message: str, *, hint: str | None = None, boxes: int = 0) -> None:
        """Say that an item cannot be used. Raises DataError unless told to keep going.

        `boxes` are those that are lost with a whole image.
        """
        if not self.keep_going:
            raise DataError(message, hint=hint)
        self._add(kind, message, hint, boxes)

    def refuse_item(self, error: DataError, kind: str, *, boxes: int = 0) -> None:
        """Refuse the item that an error is about, as the error's own kind if it has one, else as `kind`."""
        self.refuse(error.kind if isinstance(error, ItemError) else kind, str(error), hint=error.hint, boxes=boxes)

    def note(self, kind: str, where: str) -> None:
        """Count something legal but odd; `where` names the file, and the object where there is one."""
        self._add(kind, where, None, 0)

    def to_parts(self) -> Parts:
        """Return all findings as plain values, for another process."""
        return [
            (kind, self.counts[kind], [(one.message, one.hint) for one in findings])
            for kind, findings in self.findings.items()
        ]

    def take_over(self, parts: Parts) -> None:
        """Find again what was found elsewhere, in `to_parts` of it; nothing of it may have cost whole boxes."""
        for kind, count, findings in parts:
            for message, hint in findings:
                if KINDS[kind].refused:
                    self.refuse(kind, message, hint=hint)
                else:
                    self.note(kind, message)
            unnamed = count - len(findings)
            self.counts[kind] += unnamed
            self.lost_images += unnamed if KINDS[kind].cost == "image" else 0
            self.lost_boxes += unnamed if KINDS[kind].cost == "box" else 0

    def _add(self, kind: str, message: str, hint: str | None, boxes: int) -> None:
        cost = KINDS[kind].cost
        self.lost_images += cost == "image"
        self.lost_boxes += boxes + (cost == "box")
        self.counts[kind] += 1
        kept = self.findings.setdefault(kind, [])
        if len(kept) < KEPT_OF_A_KIND:
            kept.append(Finding(kind, printable(message), printable(hint) if hint else None))

    @property
    def refused(self) -> int:
        """The number of items that cannot be used."""
        return sum(count for kind, count in self.counts.items() if KINDS[kind].refused)

    def to_lines(self, *, examples: int = 3) -> list[str]:
        """Format all findings for people: each refused item by its sentence, each note once with its count."""
        lines = []
        for kind, findings in self.findings.items():
            unnamed = self.counts[kind] - len(findings)
            if KINDS[kind].refused:
                lines += [f"skipped: {finding.message}" for finding in findings]
                lines += [f"skipped: {unnamed} more: {KINDS[kind].title}"] if unnamed else []
                continue
            named = ", ".join(finding.message for finding in findings[:examples])
            more = ", ..." if self.counts[kind] > examples else ""
            lines.append(f"note: {KINDS[kind].title}: {KINDS[kind].done}: {self.counts[kind]} ({named}{more})")
        return lines
