"""A process's memory: what it holds at most, and that what it lets go of goes back to the system.

Steps of a night work on arrays of many megabytes, one after another. Left to themselves the allocators keep what was
freed for next time, and a night of ten million annotations holds a third more than it uses.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
from functools import lru_cache
from pathlib import Path

PROC = Path("/proc/self")
LARGE = 1 << 20
"""Bytes from which a block is the system's own and goes back when freed; glibc would raise this by itself."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # <malloc.h>


@lru_cache(maxsize=1)
def be_frugal() -> None:
    """From now on, give large blocks back at once, in this process and those it starts.

    Arrow asks once, when it is imported, whose memory to use: it is best called before. Where the C library is not
    glibc only Arrow is told.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        for option, value in ((_MMAP_THRESHOLD, LARGE), (_TRIM_THRESHOLD, LARGE), (_ARENA_MAX, 2)):
            libc.mallopt(option, value)


def give_back() -> None:
    """Return what is free to the system: else what one step let go of counts against the next."""
    import pyarrow as pa

    pa.default_memory_pool().release_unused()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def begin_peak() -> None:
    """Let the kernel's count of the peak begin anew, where it can."""
    with contextlib.suppress(OSError):
        (PROC / "clear_refs").write_text("5")


def peak() -> int:
    """The peak of resident memory in bytes: since `begin_peak` on Linux, of the whole process elsewhere."""
    with contextlib.suppress(OSError):
        for line in (PROC / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
