"""What of the machine this process may use."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from pathlib import Path

CORES = "POLYHEAD_CORES"
"""Where this is set in the environment, that many cores are used and no more."""
_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_PROCESSOR = Path("/proc/cpuinfo")


def cores() -> int:
    """Return how many cores this process may keep busy: those it is bound to, and what its container may use.

    ``POLYHEAD_CORES`` in the environment makes it fewer.
    """
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if (told := os.environ.get(CORES, "")).isdecimal() and int(told):
        bound = min(bound, int(told))
    with suppress(OSError, ValueError):
        share, period = _QUOTA.read_text().split()
        if share != "max":
            return max(1, min(bound, round(int(share) / int(period))))
    return bound


def processor() -> str:
    """Return what tells one sort of processor from another: its name and what it can do."""
    with suppress(OSError):
        lines = _PROCESSOR.read_text(encoding="utf-8", errors="replace").splitlines()
        told = {line.partition(":")[0].strip(): line.partition(":")[2].strip() for line in lines}
        found = [
            told[name] for name in ("model name", "flags", "CPU implementer", "CPU part", "Features") if name in told
        ]
        if found:
            return " ".join(found)
    return f"{platform.machine()} {platform.processor()}"
