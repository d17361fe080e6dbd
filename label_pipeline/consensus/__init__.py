"""How the labels of many annotators become one label an item, with a probability.

Here belongs what others import: `consensus` for frames, `fit_consensus` for `votes.Votes`. Each method stands in
its own file; `methods` names them. Nothing is loaded before it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from label_pipeline.consensus.api import Consensus, consensus
    from label_pipeline.consensus.calibration import expected_calibration_error
    from label_pipeline.consensus.methods import METHODS
    from label_pipeline.consensus.selection import FittedConsensus, fit_consensus

__all__ = ["METHODS", "Consensus", "FittedConsensus", "consensus", "expected_calibration_error", "fit_consensus"]

_HOME = {
    "METHODS": "methods",
    "Consensus": "api",
    "FittedConsensus": "selection",
    "consensus": "api",
    "expected_calibration_error": "calibration",
    "fit_consensus": "selection",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
