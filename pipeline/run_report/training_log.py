"""What a training left behind of its course, train/metrics.jsonl, as curves.

Lines of one step: {"step": 10, "loss": 2.2, "learning_rate": 0.003, ...}; of an evaluation: {"step": 100, "map": 0.31,
"map_50": 0.6, "quantized": false}.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The score of the test images at one step; `quantized` says in which of the two phases."""

    step: int
    map: float
    map50: float
    quantized: bool


@dataclass(frozen=True, slots=True)
class TrainingLog:
    """Curves as (step, value), and the evaluations. `best_step` is the checkpoint that was kept as the best."""

    losses: tuple[tuple[int, float], ...] = ()
    learning_rates: tuple[tuple[int, float], ...] = ()
    evaluations: tuple[Evaluation, ...] = ()
    best_step: int | None = None

    @property
    def quantized_between(self) -> tuple[int, int] | None:
        """The evaluations between which the second phase began; None with one phase only."""
        before = [one.step for one in self.evaluations if not one.quantized]
        after = [one.step for one in self.evaluations if one.quantized]
        return (max(before), min(after)) if before and after else None

    @property
    def last_step(self) -> int:
        return max((step for step, _ in self.losses), default=0)


def read_training_log(train_dir: Path) -> TrainingLog:
    """Read the curves of a run; empty where there are none. Lines that are torn or of other kinds are left out."""
    losses: list[tuple[int, float]] = []
    rates: list[tuple[int, float]] = []
    evaluations: list[Evaluation] = []
    path = train_dir / "metrics.jsonl"
    if path.is_file():
        with path.open(encoding="utf-8", errors="replace") as file:
            for text in file:
                line = _parse(text)
                step = int(line.get("step", 0))
                if {"map", "quantized"} <= line.keys():
                    evaluations.append(
                        Evaluation(step, _number(line, "map"), _number(line, "map_50"), bool(line["quantized"]))
                    )
                for name, column in (("loss", losses), ("learning_rate", rates)):
                    value = _number(line, name)
                    if math.isfinite(value):
                        column.append((step, value))
    best = _parse((train_dir / "best.json").read_text()) if (train_dir / "best.json").is_file() else {}
    return TrainingLog(tuple(losses), tuple(rates), tuple(evaluations), best.get("step"))


def _parse(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _number(line: Mapping[str, Any], name: str) -> float:
    value = line.get(name)
    return float(value) if isinstance(value, (int, float)) else math.nan
