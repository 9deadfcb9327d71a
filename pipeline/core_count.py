"""How many cores a process may keep busy.

    count_cores()          2 in a container of `--cpus 1.5` on a machine of 64

Python 3.6 and standard library only: it is imported inside every image.
"""

import math
import os
from typing import Optional, Sequence

CGROUP_QUOTAS = ("/sys/fs/cgroup/cpu.max", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us")


def count_cores() -> int:
    """Count the cores that this process may use: in a container or a batch job fewer than the machine's."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = read_cpu_quota()
    return max(min(cores, math.ceil(quota)), 1) if quota else cores


def read_cpu_quota(paths: Sequence[str] = CGROUP_QUOTAS) -> Optional[float]:
    """Read how many cores' time a container's limit grants (1.5 for `--cpus 1.5`); None without a limit."""
    for path in paths:
        try:
            with open(path) as file:
                words = file.read().split()
            if path.endswith("cfs_quota_us"):
                with open(path.replace("quota", "period")) as file:
                    words += file.read().split()
            quota, period = float(words[0]), float(words[1])
        except (OSError, ValueError, IndexError):  # no limit is the word "max"
            continue
        if quota > 0 and period > 0:
            return quota / period
    return None
