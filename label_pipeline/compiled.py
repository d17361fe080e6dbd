"""The one door to numba, so that every compiled loop is typed, cached and lazy alike.

Here belongs how a loop is compiled; the loops themselves stand beside the mathematics they serve.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """`function` compiled by numba at its first call, without the GIL, and cached on disk for later processes.

    A loop takes NumPy arrays and numbers only, calls no other compiled loop, and follows IEEE arithmetic
    exactly (no fast-math: order of summation is part of the result). Every combination of array types is
    compiled once, so callers pass contiguous, writable arrays of the types the loop names.
    """
    machine_code: Callable[P, R] | None = None

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        nonlocal machine_code
        if machine_code is None:
            machine_code = _compile(function)
        return machine_code(*args, **kwargs)

    return call


def _compile(function: Callable[P, R]) -> Callable[P, R]:
    # Importing numba takes as long as a small nightly run, so it waits until a loop is called.
    import numba

    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    try:
        return cast(Callable[P, R], numba.njit(cache=True, **options)(function))
    except RuntimeError:
        # Neither the package's folder nor the user's cache can be written: compile for this process only.
        return cast(Callable[P, R], numba.njit(**options)(function))
