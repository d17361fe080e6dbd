"""Who does the work of a pass: this process, or several on this machine. `spark` has the one for several machines.

Here belongs how tasks are handed out and their results put in order; what a task is, others know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Runner(Protocol):
    """Calls one function for many tasks."""

    def map(self, function: Callable[[T, Any], R], tasks: Sequence[T], broadcast: Any) -> Iterator[R]:
        """`function(task, broadcast)` of every task, in the order of the tasks.

        Function, tasks and broadcast can be pickled; a function stands at the top of a module.
        """
        ...


@dataclass(frozen=True)
class InProcess:
    """One task after the other, each when its result is asked for."""

    def map(self, function: Callable[[T, Any], R], tasks: Sequence[T], broadcast: Any) -> Iterator[R]:
        """See `Runner`."""
        return (function(task, broadcast) for task in tasks)


class Processes:
    """`n` processes of this machine, kept from pass to pass; a context manager that ends them.

    They start afresh (spawn): forking a process that runs threads is not safe.
    """

    def __init__(self, n: int) -> None:
        from multiprocessing import get_context

        self._pool = ProcessPoolExecutor(n, mp_context=get_context("spawn"))

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def map(self, function: Callable[[T, Any], R], tasks: Sequence[T], broadcast: Any) -> Iterator[R]:
        """See `Runner`."""
        return self._pool.map(partial(_call, function, broadcast), tasks)


def _call(function: Callable[[T, Any], R], broadcast: Any, task: T) -> R:
    return function(task, broadcast)
