"""What a preflight found, for people: a table of operators, the sum in one line, and each refusal with its remedy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDTH = 120
SHOWN = 8
MEMORY = {
    "fits": "all of it stays there",
    "close": "it may not all fit: what does not is streamed for every image",
    "streams": "more than fits: the rest is streamed for every image, which is slower",
}


def render_preflight(found: Mapping[str, Any]) -> str:
    """Render a preflight, as its JSON has it, as text of at most 120 columns."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("operator", no_wrap=True)
    table.add_column("count", justify="right")
    table.add_column("what becomes of it")
    table.add_column("in the compiler's words")
    customs = {one["operator"]: one["custom"] for one in found["refusals"] if one["custom"]}
    for row in found["rows"]:
        alike = [
            one for one in found["refusals"] if (one["operator"], one["status"]) == (row["operator"], row["status"])
        ]
        expected = bool(alike) and all(one["expected"] for one in alike)
        name = f"CUSTOM {customs[row['operator']]}" if row["operator"] in customs else row["operator"]
        plain = "CPU, as it should" if expected else row["plain"]
        table.add_row(Text(name), str(row["count"]), plain, Text(row["status"]))
    console = Console(file=StringIO(), width=WIDTH, color_system=None)
    console.print(table)
    lines = [line.rstrip() for line in console.file.getvalue().splitlines() if line.strip()]  # type: ignore[attr-defined]
    return "\n".join([*lines, *summarize_preflight(found)])


def summarize_preflight(found: Mapping[str, Any]) -> list[str]:
    """Say the sum, then what is in the way and what to do about it; of many alike, the first."""
    memory = found["memory"]
    size = memory["parameter_bytes"] / (1 << 20)
    lines = [f"{found['on_tpu']} of {found['operators']} operators run on the Edge TPU"]
    if found["on_tpu"]:
        lines[0] += f"; {size:.1f} of 8 MB on-chip, estimated: {MEMORY[memory['verdict']]}"
    groups = _group([one for one in found["refusals"] if not one["expected"]])
    for group in groups[:SHOWN]:
        lines += _render_refusal(group)
    if len(groups) > SHOWN:
        lines.append(f"and {len(groups) - SHOWN} more kinds of refusal: --json has them all")
    for cut in found["cuts"]:
        lines.append(
            f"cut after operator {cut['index']} ({cut['operator']}): {cut['operators_after']} that the Edge TPU could "
            "run come after it, and stay on the CPU"
        )
    return [*lines, *(f"note: {note}" for note in found["notes"])]


def _group(refusals: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """Bring refusals of one operator with one status and remedy together."""
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for one in refusals:
        groups.setdefault((one["operator"], one["custom"], one["status"], one["remedy"]), []).append(one)
    # What refuses the whole file comes first
    return sorted(groups.values(), key=lambda group: group[0]["compiler_ends_with"] is None)


def _render_refusal(group: Sequence[Mapping[str, Any]]) -> list[str]:
    first = group[0]
    name = first["custom"] or first["operator"]
    many = f", first of {len(group)}" if len(group) > 1 else ""
    lines = [f"refused: operator {first['index']} ({name}{many}): {first['why']}"]
    tensor = first["tensor"]
    if tensor:
        shape = "x".join(map(str, tensor["shape"])) or "no shape"
        lines.append(f"  tensor: {tensor['name']}, {shape}, {tensor['type'].lower()}")
    if first["compiler_ends_with"]:
        lines.append(f"  compiler: ERROR: {first['compiler_ends_with']}")
    return [*lines, f"  what to do: {first['remedy']}"]
