"""Where the graph is cut: the compiler gives the Edge TPU one connected part, the first, and leaves the rest.

An operator that could run there but needs what the CPU makes after that part began comes too late, and stays on the
CPU. The order is that of TensorFlow Lite's own partitioning (tensorflow/lite/graph_info.cc).
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pipeline.preflight.flatbuffer import MalformedError
from pipeline.preflight.tflite_file import Model, Operator


@dataclass(frozen=True, slots=True)
class Partition:
    """Places of operators: those that are mapped, and {too late: the refused one that it waited for}."""

    mapped: frozenset[int]
    too_late: dict[int, int]


def partition(model: Model, refused: Collection[int]) -> Partition:
    """Find the operators of the first part that the Edge TPU takes, given those that it refuses.

    Raises MalformedError when an operator reads what none before it has made.
    """
    waiting, readers = _find_dependencies(model)
    ready: tuple[list[int], list[int]] = ([], [])  # heaps: for the Edge TPU, for the CPU
    for operator in model.operators:
        if not waiting[operator.index]:
            ready[operator.index in refused].append(operator.index)
    mapped: set[int] = set()
    blocker: dict[int, int] = {}  # the first refused operator that is upstream
    first = min((heap[0], side) for side, heap in enumerate(ready) if heap)[1] if any(ready) else 0
    done, part, taken = 0, 0, first  # `taken`: the part that the Edge TPU gets
    while ready[0] or ready[1]:
        side = (first + part) % 2
        while ready[side]:
            index = heapq.heappop(ready[side])
            done += 1
            if part == taken:
                mapped.add(index)
            own = None if part <= taken else index if side else blocker.get(index)
            for reader in readers[index]:
                if own is not None and own < blocker.get(reader, own + 1):
                    blocker[reader] = own
                waiting[reader] -= 1
                if not waiting[reader]:
                    heapq.heappush(ready[reader in refused], reader)
        part += 1
    if done < len(model.operators):
        stuck = next(index for index, left in enumerate(waiting) if left)
        raise MalformedError(f"operator {stuck} ({model.operators[stuck].name}) reads what depends on itself")
    late = [one.index for one in model.operators if one.index not in mapped and one.index not in refused]
    return Partition(frozenset(mapped), {index: blocker[index] for index in late})


def _find_dependencies(model: Model) -> tuple[list[int], list[list[int]]]:
    """Return how many tensors each operator waits for, and who reads what each one makes."""
    maker: dict[int, int] = {}
    for operator in model.operators:
        for tensor in operator.outputs:
            maker[tensor] = operator.index
    given = set(model.inputs)
    waiting = [0] * len(model.operators)
    readers: list[list[int]] = [[] for _ in model.operators]
    for operator in model.operators:
        for tensor in _read(operator):
            if tensor in maker and tensor not in given:
                waiting[operator.index] += 1
                readers[maker[tensor]].append(operator.index)
            elif tensor not in given and not (model.tensors[tensor].constant or model.tensors[tensor].variable):
                raise MalformedError(
                    f"operator {operator.index} ({operator.name}) reads tensor {tensor} "
                    f"({model.tensors[tensor].name}), which nothing makes"
                )
    return waiting, readers


def _read(operator: Operator) -> Sequence[int]:
    return [tensor for tensor in operator.inputs if tensor >= 0]
