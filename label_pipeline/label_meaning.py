"""What written labels of each type mean beside one another: when one is right, which classes it holds, how it is typed.

The one place that tells the types apart for whoever judges labels that are settled as text: figures, gold, contracts,
training sets. How answers are read is `ingest.meaning`'s; how they become a consensus, `consensus`'.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from label_pipeline.project_labels import BETWEEN_CLASSES, LabelType

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

BoolArray = npt.NDArray[np.bool_]
MOST_CATEGORIES = 256
"""The most different sets that are told apart where answers are compared as if each were a class."""


@dataclass(frozen=True)
class Meaning:
    """Labels that are one class of `classes`: right when they are equal."""

    classes: tuple[str, ...] = ()
    tolerance: float | None = None

    @property
    def one_class(self) -> bool:
        """Whether a label is one of the classes, and probabilities are of these."""
        return type(self) is Meaning

    @property
    def judges(self) -> bool:
        """Whether a label can be right or wrong, and not only near or far."""
        return True

    def right(self, given: pd.Series[Any], truth: pd.Series[Any]) -> BoolArray:
        """Which labels of two columns of texts, row by row, mean the same."""
        return np.asarray(given.to_numpy() == truth.to_numpy(), dtype=np.bool_)

    def holds(self, labels: pd.Series[Any], name: str) -> BoolArray:
        """Which labels say the class `name`; a missing one says none."""
        return np.asarray(labels == name, dtype=np.bool_)

    def categories(self, labels: pd.Series[Any]) -> list[str]:
        """The categories into which the labels fall, each into one, in a fixed order."""
        return list(self.classes)

    def canonical(self, text: str) -> str | None:
        """The one spelling of a stored label; None where it is none of this type."""
        return text if text in self.classes else None

    def allowed(self, labels: Iterable[str]) -> list[str]:
        """Those of the different stored `labels` that are labels of this type, in their one spelling."""
        return [text for text in labels if self.canonical(text) == text]

    def words(self, text: str) -> str:
        """A stored label as people read it."""
        return text

    def typed(self, labels: pa.ChunkedArray) -> Any:
        """A column of labels as a training job takes it."""
        return labels


class SetMeaning(Meaning):
    """Labels that are sets of classes: the names in declared order, joined; right when the sets are equal."""

    def holds(self, labels: pd.Series[Any], name: str) -> BoolArray:
        """Which sets have the class in them."""
        with_it = {text for text in labels.dropna().unique() if name in parts(text)}
        return np.asarray(labels.isin(with_it), dtype=np.bool_)

    def categories(self, labels: pd.Series[Any]) -> list[str]:
        """The different sets, sorted."""
        return sorted(labels.dropna().unique())

    def canonical(self, text: str) -> str | None:
        """The same set with its classes in declared order; None where one of them is none of the project."""
        chosen = set(parts(text))
        if not chosen <= set(self.classes):
            return None
        return BETWEEN_CLASSES.join(name for name in self.classes if name in chosen)

    def words(self, text: str) -> str:
        """The classes with commas between them."""
        return ", ".join(parts(text)) or "no class"

    def typed(self, labels: pa.ChunkedArray) -> Any:
        """Lists of classes."""
        import pyarrow as pa

        return pa.array([None if text is None else parts(text) for text in labels.to_pylist()], pa.list_(pa.string()))

    def members(self, labels: Sequence[Any]) -> npt.NDArray[np.float64]:
        """1 where a set has a class and 0 where not, (n, n_classes); NaN where there is no set."""
        codes = {name: k for k, name in enumerate(self.classes)}
        found = np.full((len(labels), len(self.classes)), np.nan)
        for row, text in enumerate(labels):
            if isinstance(text, str):
                found[row] = 0.0
                found[row, [codes[name] for name in parts(text)]] = 1.0
        return found


class NumberMeaning(Meaning):
    """Labels that are numbers: right within `tolerance` of the truth; without one they are only near or far."""

    @property
    def judges(self) -> bool:
        """Whether the project says how near is near enough."""
        return self.tolerance is not None

    def right(self, given: pd.Series[Any], truth: pd.Series[Any]) -> BoolArray:
        """Which numbers lie within the tolerance of one another; without a tolerance, which are equal."""
        gap = np.abs(numbers(given) - numbers(truth))
        # Decimal fractions are not exact: 0.3 is within 0.1 of 0.2.
        return np.asarray(gap <= (self.tolerance or 0.0) * (1 + 1e-9), dtype=np.bool_)

    def categories(self, labels: pd.Series[Any]) -> list[str]:
        """None: numbers are no categories."""
        return []

    def canonical(self, text: str) -> str | None:
        """The shortest way to write the number; None where it is no finite one."""
        try:
            value = float(text)
        except ValueError:
            return None
        return number_text(value) if math.isfinite(value) else None

    def allowed(self, labels: Iterable[str]) -> list[str]:
        """Those that are finite numbers, however written."""
        import pandas as pd

        texts = pd.Series(list(labels), dtype=object)
        return list(texts[np.isfinite(numbers(texts))])

    def typed(self, labels: pa.ChunkedArray) -> Any:
        """Doubles."""
        import pyarrow as pa

        return labels.cast(pa.float64())


def meaning_of(label_type: LabelType, classes: tuple[str, ...] = (), tolerance: float | None = None) -> Meaning:
    """What labels of a type mean."""
    kinds: dict[str, type[Meaning]] = {"multi_label": SetMeaning, "number": NumberMeaning}
    return kinds.get(label_type, Meaning)(classes, tolerance)


def parts(text: str) -> list[str]:
    """The classes of a stored set."""
    return text.split(BETWEEN_CLASSES) if text else []


def numbers(labels: pd.Series[Any]) -> npt.NDArray[np.float64]:
    """Stored numbers as floats; NaN for a missing one."""
    import pandas as pd

    return np.asarray(pd.to_numeric(labels, errors="coerce"), dtype=np.float64)


def number_text(value: float) -> str:
    """A number as it is stored: to nine digits, the shortest way."""
    return f"{value:.9g}" if value else "0"
