"""Small PNG plots for the Dagster UI: drawn without global state, equal input gives equal bytes.

The report draws its own marks; see `marks`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt

WIDTH, HEIGHT = 480, 240
"""Pixels."""

_DPI = 100
_BLUE, _GREY = "#1f5fbf", "#566273"
_COLOURS = (_BLUE, "#d9762b", "#176b43", "#8a5300", "#7b4bb3", "#b3261e")
_MOST_COLOURS = 48
_MOST_BARS = 24
_LABEL = 12
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # matplotlib brings it along
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.edgecolor": _GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e8ee",
    "xtick.color": _GREY,
    "ytick.color": _GREY,
    "text.parse_math": False,  # a dollar sign in a class name is a dollar sign
}


def bar(labels: Sequence[str], values: Sequence[float | None], title: str) -> bytes:
    """A PNG with one bar a label, at most 24 of them; a value that is missing has no bar."""
    names = [_short(label) for label in labels[:_MOST_BARS]]
    heights = [np.nan if value is None else value for value in values[:_MOST_BARS]]
    left = len(labels) - len(names)
    crowded = sum(map(len, names)) > 44

    def draw(axes: Any) -> None:
        axes.bar(range(len(names)), heights, color=_BLUE, width=0.8)
        axes.set_xticks(range(len(names)), names, rotation=45 if crowded else 0, ha="right" if crowded else "center")
        axes.set_xlim(-0.6, max(len(names), 1) - 0.4)

    return _png(
        title + (f" (first {len(names)} of {len(labels)})" if left else ""), draw, below=0.3 if crowded else 0.12
    )


def histogram(values: npt.ArrayLike, title: str, *, weights: npt.ArrayLike | None = None) -> bytes:
    """A PNG with the distribution of `values` in 20 bins; what is no number is left out.

    `weights`, as many, say how often each stands; once where they are not given.
    """
    numbers = np.asarray(values, dtype=np.float64).ravel()
    times = np.ones(len(numbers)) if weights is None else np.asarray(weights, dtype=np.float64)
    there = np.isfinite(numbers) & (times > 0)

    def draw(axes: Any) -> None:
        if there.any():
            axes.hist(numbers[there], bins=20, weights=times[there], color=_BLUE)

    return _png(title, draw)


def line(days: Sequence[date], series: Mapping[str, Sequence[float | None]], title: str) -> bytes:
    """A PNG with one line a series over days; the line breaks where a value is missing."""

    def draw(axes: Any) -> None:
        from matplotlib import dates

        tools: Any = dates
        for colour, (name, values) in zip(_cycle(len(series)), series.items(), strict=True):
            known = [np.nan if value is None else value for value in values]
            axes.plot(days, known, color=colour, linewidth=1.6, marker="o", markersize=3, label=_short(name))
        if days:
            if len(days) == 1:  # alone, a day would stand amid years
                axes.set_xlim(days[0] - timedelta(days=2), days[0] + timedelta(days=2))
            locator = tools.AutoDateLocator(maxticks=7)
            axes.xaxis.set_major_locator(locator)
            axes.xaxis.set_major_formatter(tools.ConciseDateFormatter(locator))
        if len(series) > 1:
            axes.legend(fontsize=7, frameon=False, ncols=3)

    return _png(title, draw, below=0.19)


def heat(matrix: npt.ArrayLike, labels: Sequence[str], title: str) -> bytes:
    """A PNG of a square matrix of shares, rows and columns named by `labels`, darker for more."""
    shares = np.asarray(matrix, dtype=np.float64)
    names = [_short(label) for label in labels]
    crowded = sum(map(len, names)) > 40

    def draw(axes: Any) -> None:
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=max(float(np.nanmax(shares, initial=0.0)), 1e-9), aspect="auto")
        axes.grid(visible=False)
        if len(names) <= _MOST_BARS:
            axes.set_xticks(
                range(len(names)), names, rotation=45 if crowded else 0, ha="right" if crowded else "center"
            )
            axes.set_yticks(range(len(names)), names)
        else:
            axes.set_xticks([])
            axes.set_yticks([])

    return _png(title, draw, beside=0.18, below=0.3 if crowded else 0.12)


def _png(title: str, draw: Callable[[Any], None], *, beside: float = 0.1, below: float = 0.12) -> bytes:
    """A figure with `draw` on its axes, as PNG bytes of few colours and no metadata.

    Its axes leave shares of the width and height for the names at the axes: matplotlib's own layout draws all twice.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    with rc_context(_STYLE), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a sign the font lacks is drawn as a box
        figure = Figure(figsize=(WIDTH / _DPI, HEIGHT / _DPI), dpi=_DPI)
        canvas: Any = FigureCanvasAgg(figure)
        axes = figure.add_axes((beside, below, 0.98 - beside, 0.88 - below))
        axes.set_title(title, loc="left")
        draw(axes)
        canvas.draw()
        pixels = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba()).convert("RGB")
    buffer = BytesIO()
    pixels.quantize(_MOST_COLOURS, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _cycle(n: int) -> list[str]:
    return [_COLOURS[i % len(_COLOURS)] for i in range(n)]


def _short(label: str) -> str:
    return label if len(label) <= _LABEL else label[: _LABEL - 1] + "…"
