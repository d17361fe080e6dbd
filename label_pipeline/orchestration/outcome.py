"""What a step tells of itself: why it failed, in words for whoever can mend it, and what it took in time and memory."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from label_pipeline import memory
from label_pipeline.errors import MachineError, UserError, refused
from label_pipeline.orchestration.desk import Desk


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
    memory.be_frugal()
    memory.begin_peak()
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        yield took
    finally:
        took["seconds"] = round(time.perf_counter() - wall, 3)
        took["cpu_seconds"] = round(time.process_time() - cpu, 3)
        took["peak_memory_mb"] = round(memory.peak() / 1e6, 1)
        memory.give_back()
