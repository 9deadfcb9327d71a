"""Describe the machine that something was measured on: a time says nothing without it.

{"cpu": "Intel(R) Xeon(R) CPU @ 2.20GHz", "architecture": "x86_64", "cores": 2, "memory_bytes": 25276502016,
 "governor": null, "system": "Linux 6.1"}
"""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path
from typing import Any

from pipeline.core_count import count_cores

CPU_INFO = Path("/proc/cpuinfo")
MEMORY_INFO = Path("/proc/meminfo")
GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
NAMES = ("model name", "Model", "Hardware", "cpu model", "uarch")
"""Keys of /proc/cpuinfo that name the processor: x86, Raspberry Pi, older ARM, MIPS, RISC-V."""


def describe_machine() -> dict[str, Any]:
    """Return processor, cores that this process may use, memory, and how the kernel sets the clock (null: unknown)."""
    return {
        "cpu": find_cpu() or platform.processor() or platform.machine(),
        "architecture": platform.machine(),
        "cores": count_cores(),
        "memory_bytes": find_memory_bytes(),
        "governor": find_governor(),
        "system": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
    }


def find_cpu(info: Path = CPU_INFO) -> str | None:
    """Return the processor's name as the kernel has it; None where it does not say."""
    try:
        lines = info.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    told = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    return next((told[name] for name in NAMES if told.get(name)), None)


def find_memory_bytes() -> int | None:
    """Return the machine's memory; None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None


def find_free_memory_bytes(info: Path = MEMORY_INFO) -> int | None:
    """Return the memory that programs can have without swapping; None where the system does not say."""
    try:
        found = re.search(r"^MemAvailable:\s+(\d+) kB", info.read_text(encoding="ascii"), re.MULTILINE)
    except (OSError, UnicodeDecodeError):
        return None
    return int(found[1]) * 1024 if found else None


def find_governor(path: Path = GOVERNOR) -> str | None:
    """Return how the kernel sets the first core's clock ("performance", "powersave"); None where it cannot."""
    try:
        return path.read_text(encoding="ascii").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def format_machine(machine: dict[str, Any]) -> str:
    """Say a machine in one line."""
    parts = [machine["cpu"], f"{machine['cores']} core{'s' if machine['cores'] != 1 else ''}"]
    if machine["memory_bytes"]:
        parts.append(f"{machine['memory_bytes'] / 1e9:.0f} GB")
    if machine["governor"]:
        parts.append(f"governor {machine['governor']}")
    return ", ".join([*parts, machine["system"]])
