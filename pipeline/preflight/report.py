"""The whole file judged: how many operators run on the Edge TPU, where the graph is cut, what is in the way.

As JSON (`odpipe preflight FILE --json`, output/NAME/edgetpu/preflight.json):

    {"file": "detect.tflite", "size_bytes": 4725336, "compiler": "16.0", "works": true,
     "operators": 99, "on_tpu": 98, "graphs": 1,
     "rows": [{"operator": "CONV_2D", "count": 55, "status": "Mapped to Edge TPU", "plain": "runs on the Edge TPU"}],
     "refusals": [{"index": 98, "operator": "CUSTOM", "custom": "TFLite_Detection_PostProcess", "version": 1,
                   "status": "Operation is working on an unsupported data type", "why": "...", "remedy": "...",
                   "tensor": {"index": 0, "name": "...", "shape": [], "type": "FLOAT32"},
                   "expected": true, "compiler_ends_with": null}],
     "cuts": [{"index": 12, "operator": "LEAKY_RELU", "operators_after": 80}],
     "memory": {"on_chip_bytes": 8388608, "parameter_bytes": 4567890, "streamed_bytes": 0,
                "verdict": "fits", "basis": "..."},
     "notes": ["..."]}

`works` is whether all but the expected post-processing runs on the Edge TPU. `compiler_ends_with` is what the compiler
says when it refuses the file because of that operator; nothing is mapped then. `cuts` names the refused operators
after which others, that the Edge TPU could run, stay on the CPU.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import DataError
from pipeline.preflight import operators as known
from pipeline.preflight.flatbuffer import MalformedError
from pipeline.preflight.judge import Refusal, find_refusal
from pipeline.preflight.memory import Memory, estimate_memory
from pipeline.preflight.partition import partition
from pipeline.preflight.tflite_file import WANTED, Model, Operator, read_model

MAY_DEPEND_ON_SIZE = ("RESHAPE", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "TRANSPOSE", "TRANSPOSE_CONV")
LARGE = 1 << 20
"""Numbers in a tensor from which on the compiler may leave a reshape or a resize on the CPU; no limit is published."""


@dataclass(frozen=True, slots=True)
class Preflight:
    """A model and what becomes of each of its operators; `statuses` in their order."""

    file: str
    size_bytes: int
    model: Model
    statuses: tuple[str, ...]
    refusals: tuple[Refusal, ...]
    too_late: dict[int, int]
    memory: Memory

    @property
    def on_tpu(self) -> int:
        return self.statuses.count(known.MAPPED)

    @property
    def works(self) -> bool:
        """Whether all but the post-processing that belongs on the CPU runs on the Edge TPU."""
        expected = sum(refusal.expected for refusal in self.refusals)
        return self.model.graphs == 1 and self.on_tpu > 0 and self.on_tpu + expected == len(self.statuses)

    @property
    def rows(self) -> list[tuple[str, int, str]]:
        """Operator, count and status, as in the compiler's log: in the order of the file."""
        pairs = zip(self.model.operators, self.statuses, strict=True)
        return [(name, count, status) for (name, status), count in Counter((o.name, s) for o, s in pairs).items()]

    @property
    def cuts(self) -> list[tuple[Operator, int]]:
        """The refused operators that others wait for, and how many each."""
        counts = Counter(self.too_late.values())
        return [(self.model.operators[index], counts[index]) for index in sorted(counts)]

    @property
    def notes(self) -> list[str]:
        """What is worth knowing, and refuses nothing."""
        notes = []
        if self.model.graphs > 1:
            notes.append(
                f"the file holds {self.model.graphs} graphs (loops or branches); the compiler takes the first alone"
            )
        large = [operator.name for operator in self.model.operators if self._may_be_left_out(operator)]
        if large:
            names = ", ".join(sorted(set(large)))
            notes.append(f"the compiler may leave {len(large)} large {names} on the CPU; it publishes no limit")
        return notes

    def _may_be_left_out(self, operator: Operator) -> bool:
        if operator.name not in MAY_DEPEND_ON_SIZE or self.statuses[operator.index] != known.MAPPED:
            return False
        return any(_size(self.model.tensors[place].shape) >= LARGE for place in operator.outputs if place >= 0)

    def to_json(self) -> dict[str, Any]:
        return {
            "file": self.file,
            "size_bytes": self.size_bytes,
            "compiler": known.COMPILER,
            "works": self.works,
            "operators": len(self.statuses),
            "on_tpu": self.on_tpu,
            "graphs": self.model.graphs,
            "rows": [
                {"operator": name, "count": count, "status": status, "plain": known.PLAIN[status]}
                for name, count, status in self.rows
            ],
            "refusals": [refusal.to_json() for refusal in self.refusals],
            "cuts": [
                {"index": operator.index, "operator": operator.name, "operators_after": after}
                for operator, after in self.cuts
            ],
            "memory": self.memory.to_json(),
            "notes": self.notes,
        }


def preflight_file(path: Path) -> Preflight:
    """Judge a .tflite file; raises DataError for one that is none, is broken, or is compiled already."""
    model = read_model(path)
    try:
        return preflight(model, file=str(path), size_bytes=path.stat().st_size)
    except MalformedError as error:
        raise DataError(f"{path} is not a TFLite model: {error}", hint=WANTED) from error


def preflight(model: Model, *, file: str, size_bytes: int) -> Preflight:
    """Judge every operator of a model; raises MalformedError for a graph that cannot be run by anything."""
    found = {operator.index: find_refusal(model, operator) for operator in model.operators}
    refusals = {index: refusal for index, refusal in found.items() if refusal}
    parts = partition(model, refusals)
    fails = any(refusal.fatal for refusal in refusals.values())
    mapped = frozenset() if fails else parts.mapped
    statuses = []
    for operator in model.operators:
        if operator.index in refusals:
            statuses.append(refusals[operator.index].status)
        elif fails:
            statuses.append(known.FAILS)
        else:
            statuses.append(known.MAPPED if operator.index in mapped else known.AFTER_CUT)
    return Preflight(
        file=file,
        size_bytes=size_bytes,
        model=model,
        statuses=tuple(statuses),
        refusals=tuple(refusals.values()),
        too_late={} if fails else parts.too_late,
        memory=estimate_memory(model, mapped),
    )


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for one in shape:
        size *= one
    return size
