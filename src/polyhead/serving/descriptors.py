"""How many connections the system lets a process have."""

from __future__ import annotations

from contextlib import suppress

_OTHERS = 128
"""Files beside connections: pipes, libraries, processes that are being started."""


def room_for(connections: int) -> int:
    """Ask the system for as many open files as connections may need.

    Args:
        connections: How many are wanted.

    Returns:
        How many of them there may be.
    """
    try:
        import resource
    except ImportError:  # a system without such a limit
        return connections
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _OTHERS
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections
    own = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (own, hard))
        soft = own
    return max(1, min(connections, soft - _OTHERS))
