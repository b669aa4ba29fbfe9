"""What of the machine this process may use."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from pathlib import Path

CORES = "POLYHEAD_CORES"
"""Where this is set in the environment, that many cores are used and no more."""
_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_OLD_QUOTA = (Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"), Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us"))
"""Microseconds of processor time that a container may use in a period, in the two ways that Linux tells them."""
_PROCESSOR = Path("/proc/cpuinfo")
_MEMORY, _OWN = Path("/proc/meminfo"), Path("/proc/self/status")
_GROUPS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current"), Path("/sys/fs/cgroup/memory.stat")),
    (
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.stat"),
    ),
)
"""Limit, use and its parts of a container's memory, in the two ways that Linux tells them."""
_NO_LIMIT = 2**60


def cores() -> int:
    """Return how many cores this process may keep busy: those it is bound to, and what its container may use.

    ``POLYHEAD_CORES`` in the environment makes it fewer.
    """
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if (told := os.environ.get(CORES, "")).isdecimal() and int(told):
        bound = min(bound, int(told))
    share, period = _quota()
    return max(1, min(bound, round(share / period))) if share > 0 and period > 0 else bound


def _quota() -> tuple[int, int]:
    """Return a container's share of each period; what is not above 0 is no limit."""
    with suppress(OSError, ValueError):
        share, period = _QUOTA.read_text().split()
        return (0, 0) if share == "max" else (int(share), int(period))
    with suppress(OSError, ValueError):
        share, period = (file.read_text() for file in _OLD_QUOTA)
        return int(share), int(period)
    return 0, 0


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


def memory_room() -> int | None:
    """Return the bytes that this process may take in all, what it has included; `None` where the system does not say.

    That is what is free, as far as the limit of its container allows; what the system only keeps of files is free.
    """
    own, free = _kilobytes(_OWN, "VmRSS"), _kilobytes(_MEMORY, "MemAvailable")
    if own is None or free is None:
        return None
    room = free + own
    for limit_file, used_file, parts_file in _GROUPS:
        with suppress(OSError, ValueError):
            limit, used = int(limit_file.read_text()), int(used_file.read_text())
            parts = dict(line.split() for line in parts_file.read_text().splitlines())
            kept = int(parts.get("inactive_file", 0)) + int(parts.get("active_file", 0))
            if limit < _NO_LIMIT:
                room = min(room, limit - (used - kept) + own)
    return room


def _kilobytes(path: Path, name: str) -> int | None:
    """Return a number of one of the system's lists, in bytes."""
    with suppress(OSError, ValueError, IndexError):
        for line in path.read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    return None


def memory_peak() -> int | None:
    """Return the most bytes that this process had at once, or since `forget_memory_peak`; `None` where nobody says."""
    return _kilobytes(_OWN, "VmHWM")


def memory_now() -> int | None:
    """Return the bytes that this process has; `None` where the system does not say."""
    return _kilobytes(_OWN, "VmRSS")


def forget_memory_peak() -> None:
    """Have `memory_peak` begin anew, where the system can do that."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
