"""What a step tells of itself: why it failed, in words for whoever can mend it, and what it took in time and memory."""

from __future__ import annotations

import contextlib
import ctypes
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from label_pipeline.errors import MachineError, UserError, refused
from label_pipeline.orchestration.desk import Desk

PROC = Path("/proc/self")


@contextmanager
def told_as_failure(desk: Desk) -> Iterator[None]:
    """Let what somebody can mend fail the step with its words and no retry: their data, or what the machine refused.

    Anything else is a fault, and keeps its traceback.
    """
    try:
        yield
    except dg.Failure:
        raise
    except Exception as error:
        mendable = _mendable(desk, error)
        if mendable is None:
            raise
        kind = "machine" if isinstance(mendable, MachineError) else "input"
        raise dg.Failure(mendable.text(), metadata={"kind": kind}, allow_retries=False) from error


def _mendable(desk: Desk, error: Exception) -> UserError | None:
    # First of all: on a disk that is gone everything fails somehow, and none of it is the reason.
    return desk.gone() or (error if isinstance(error, UserError) else refused(error))


@contextmanager
def measured() -> Iterator[dict[str, float]]:
    """Time and memory of the body: seconds, cpu_seconds of all threads, peak_memory_mb of the whole process in it."""
    took: dict[str, float] = {}
    with contextlib.suppress(OSError):
        (PROC / "clear_refs").write_text("5")  # Linux: the peak begins anew
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        yield took
    finally:
        took["seconds"] = round(time.perf_counter() - wall, 3)
        took["cpu_seconds"] = round(time.process_time() - cpu, 3)
        took["peak_memory_mb"] = round(_peak() / 1e6, 1)
        give_back()


def give_back() -> None:
    """Return memory that is free to the system: else what one step let go of counts against the next."""
    import pyarrow as pa

    pa.default_memory_pool().release_unused()
    with contextlib.suppress(OSError, AttributeError):  # glibc's alone
        ctypes.CDLL(None).malloc_trim(0)


def _peak() -> int:
    """The peak of resident memory in bytes: since `measured` began on Linux, of the whole process elsewhere."""
    with contextlib.suppress(OSError):
        for line in (PROC / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
