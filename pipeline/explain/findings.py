"""The two records that drop.json is made of: a step that was looked at, and what was found in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Found = dict[str, Any]


def make_step(step: str, text: str, findings: Sequence[Found] = (), **facts: Any) -> Found:
    """Make a step; it agrees with the checkpoint when nothing was found in it."""
    return {"step": step, "agrees": not findings, "text": text, "findings": list(findings), **facts}


def make_finding(step: str, kind: str, cause: str, advice: str, *, layer: str | None = None, **facts: Any) -> Found:
    """Make a finding; `kind` is a word for programs, cause and advice are for people."""
    return {"step": step, "kind": kind, "layer": layer, "cause": cause, "advice": advice, **facts}
