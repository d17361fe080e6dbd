"""Whose votes the night's conclusions rest on: those that count by gold checks, and those that count for less."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from label_pipeline.annotators.standing import COUNTING, LESS, LESS_WEIGHT, NOT, given_on, votes_in
from label_pipeline.contracts.tables import ANNOTATOR_STANDING
from label_pipeline.held_codes import is_in, plain
from label_pipeline.orchestration.desk import Desk

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from label_pipeline.consensus.selection import FittedConsensus
    from label_pipeline.votes import Votes


@dataclass(frozen=True)
class Voices:
    """The votes that count, in the order of `Desk.annotations`; `lesser` are those of less weight among them."""

    annotations: pa.Table
    lesser: pd.DataFrame

    def fit(self, votes: Votes, fit: Callable[[Votes], FittedConsensus], *, ordered: bool = False) -> FittedConsensus:
        """What `fit` makes of `votes` (of `annotations`), the lesser votes for what they weigh."""
        fitted = fit(votes)
        if self.lesser.empty:
            return fitted
        import numpy as np
        import pandas as pd

        from label_pipeline.consensus.less import mean_of

        given = pd.MultiIndex.from_arrays([votes.items[votes.item], votes.annotators[votes.annotator]])
        full = ~given.isin(pd.MultiIndex.from_frame(self.lesser[["item_id", "annotator_id"]]))
        return mean_of(fitted, fit(votes.keep(np.asarray(full))), LESS_WEIGHT, ordered=ordered)


def voices(desk: Desk, day: date) -> Voices:
    """The votes as of `day` without those of annotators who did not count when they gave them."""
    import numpy as np
    import pyarrow as pa

    annotations, stood = desk.annotations(day), desk.frame(ANNOTATOR_STANDING, day)
    fallen: Any = stood[stood["state"] != COUNTING]
    # Whoever always counted is most of everybody: only the votes of the others are looked at.
    rows = is_in(annotations["annotator_id"], fallen["annotator_id"])
    frame = plain(annotations.filter(pa.array(rows)), ["item_id", "annotator_id", "annotated_at", "landed_day"])
    frame["given_on"] = given_on(frame, desk.project.timezone)
    silent = votes_in(NOT, frame, fallen)
    if silent.any():
        counts = np.ones(len(annotations), dtype=np.bool_)
        counts[np.flatnonzero(rows)[silent]] = False
        annotations = annotations.filter(pa.array(counts))
    return Voices(annotations, frame[votes_in(LESS, frame, fallen)])
