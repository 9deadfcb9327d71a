"""What happens to a bad item: the policy, not the reader, decides."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from pipeline.errors import DataError


@dataclass(frozen=True, slots=True)
class Refusal:
    """One item that cannot be used: its kind (for counting) and the sentence for people."""

    kind: str
    message: str


class Problems:
    """Collects what a reader finds odd.

    Strict by default: the first item refused raises DataError. With `keep_going` it is recorded once, the
    reader leaves the item out, and whoever called the reader shows `refused`. A note is about something legal
    that people should know of (a clipped box, a skipped polyline); it never raises.
    """

    def __init__(self, *, keep_going: bool = False) -> None:
        self.keep_going = keep_going
        self.refused: list[Refusal] = []
        self.notes: defaultdict[str, list[str]] = defaultdict(list)

    def refuse(self, kind: str, message: str, *, hint: str | None = None) -> None:
        """Say that an item cannot be used. Raises DataError unless told to keep going."""
        if not self.keep_going:
            raise DataError(message, hint=hint)
        self.refused.append(Refusal(kind, message))

    def note(self, kind: str, where: str) -> None:
        """Count something legal but odd; `where` names the file, and the object where there is one."""
        self.notes[kind].append(where)

    def counts(self) -> dict[str, int]:
        """Count all findings by kind, refusals and notes together."""
        counted: dict[str, int] = {}
        for refusal in self.refused:
            counted[refusal.kind] = counted.get(refusal.kind, 0) + 1
        for kind, places in self.notes.items():
            counted[kind] = counted.get(kind, 0) + len(places)
        return counted

    def to_lines(self, *, examples: int = 3) -> list[str]:
        """Format all findings for people: each refused item by name, each note once with its count."""
        lines = [f"skipped: {refusal.message}" for refusal in self.refused]
        for kind, places in self.notes.items():
            named = ", ".join(places[:examples]) + (", ..." if len(places) > examples else "")
            lines.append(f"note: {kind}: {len(places)} ({named})")
        return lines
