"""What KPI families read, as frames of which ten million rows are compared quickly: ids as numbers, few texts as codes.

Which rows they are is the desk's and the lake's; what is computed from them, `kpis`'.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from label_pipeline.contracts.tables import CONSENSUS_LABELS, GOLD_SET, LABEL_ISSUES, RELABEL_OUTCOMES, RELABEL_QUEUE
from label_pipeline.gold.life import in_force
from label_pipeline.held_codes import codes_of, plain
from label_pipeline.kpis.night import Night
from label_pipeline.orchestration.assets_predictions import model_inputs
from label_pipeline.orchestration.desk import Desk
from label_pipeline.settle import SETTLED

if TYPE_CHECKING:
    import pyarrow as pa

IDS = ("item_id", "annotator_id")
LABELS = ("label", "voted_label", "given_label")
OF_EVENTS = (
    *(*IDS, "label", "status", "is_gold_check", "annotated_at", "duration_s", "source"),
    *("group", "role", "guideline_version", "landed_day"),
)
OF_CONSENSUS = ("item_id", "label", "voted_label", "confidence", "voted_confidence", "status", "settled_on")
OF_ISSUES = ("item_id", "given_label", "is_issue")
OF_QUEUE = ("item_id", "route", "gain", "within_budget")
FEW = ("status", "source", "group", "role", "guideline_version", *LABELS)
"""Texts that are compared with few values."""
DAYS = ("landed_day", "settled_on")


def night(desk: Desk, day: date) -> Night:
    """What KPI families read, as of `day`."""
    import pyarrow as pa

    events, votes, landed = desk.events(day), desk.annotations(day), desk.items(day)
    gold = in_force(desk.frame(GOLD_SET, day), day)
    frames = Frames(landed, events, gold)
    every, slices = frames.of(events.select(OF_EVENTS)), desk.project.items.slices
    consensus = frames.of(desk.lake.read(CONSENSUS_LABELS, day, OF_CONSENSUS))
    settled = consensus[consensus["status"].isin(SETTLED)]
    return Night(
        day=day,
        timezone=desk.project.timezone,
        classes=desk.project.labels.classes,
        kind=cast(Any, desk.project.labels.type),
        annotations=every if votes is events else frames.of(votes.select(OF_EVENTS)),
        events=every,
        items=frames.of(landed.drop_columns(["payload"])).rename(columns={f"slice_{name}": name for name in slices}),
        slices=slices,
        consensus=consensus,
        first_settled=settled[["item_id", "settled_on"]].rename(columns={"settled_on": "settled_day"}),
        gold=gold.assign(item_id=frames.codes("item_id", pa.chunked_array([pa.array(gold["item_id"], pa.string())]))),
        issues=frames.of(desk.lake.read(LABEL_ISSUES, day, OF_ISSUES)),
        queue=frames.of(desk.lake.read(RELABEL_QUEUE, day, OF_QUEUE)),
        targets=desk.project.kpis,
        seed=day.toordinal(),
        rates=desk.project.costs,
        inputs=model_inputs(desk, landed),
        tolerance=desk.project.labels.tolerance,
        outcomes=_outcomes(desk, day),
        ids={name: np.asarray(ids) for name, ids in frames.ids.items()},
    )


class Frames:
    """Frames of one night, in which an id is the same number everywhere."""

    def __init__(self, items: pa.Table, events: pa.Table, gold: pd.DataFrame) -> None:
        import pyarrow as pa
        import pyarrow.compute as pc

        known = items["item_id"].combine_chunks()
        told = [codes_of(events[name])[1] if len(events) else pa.array([], pa.string()) for name in IDS]
        # Items come first, in their order: what is about items alone need not be looked up.
        more = [] if told[0].equals(known) else [told[0]]
        every = pc.unique(pa.concat_arrays([known, *more, pa.array(gold["item_id"], pa.string())]))
        self.ids = {"item_id": known if len(every) == len(known) else every, "annotator_id": told[1].sort()}

    def of(self, rows: pa.Table) -> pd.DataFrame:
        """Plain columns, but ids as numbers, few texts as categories and days as times."""
        import pyarrow as pa

        for place, name in enumerate(rows.column_names):
            column = rows[name]
            if name in IDS:
                column = pa.chunked_array([self.codes(name, column)])
            elif name in DAYS:
                column = column.cast(pa.timestamp("ns"))
            elif name in FEW or name.startswith("slice_"):
                column = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
            rows = rows.set_column(place, name, column)
        return plain(rows, categories=[name for name in rows.column_names if name not in IDS])

    def codes(self, name: str, column: pa.ChunkedArray) -> npt.NDArray[np.int32]:
        """The numbers (n,) of a column of ids."""
        import pyarrow as pa
        import pyarrow.compute as pc

        known = self.ids[name]
        if column.equals(pa.chunked_array([known])):
            return np.arange(len(known), dtype=np.int32)
        if not pa.types.is_dictionary(column.type):
            return np.asarray(pc.index_in(column, value_set=known), dtype=np.int32)
        if not len(column):
            return np.empty(0, dtype=np.int32)
        codes, values = codes_of(column)
        place = np.arange(len(values)) if values.equals(known) else np.asarray(pc.index_in(values, value_set=known))
        return place.astype(np.int32)[codes]


def _outcomes(desk: Desk, day: date) -> pd.DataFrame:
    """What answers of the last 7 days to items of earlier budgets changed."""
    known = set(desk.lake.days(RELABEL_OUTCOMES))
    week = [d for d in (day - timedelta(days=back) for back in range(7)) if d in known]
    return pd.concat([desk.frame(RELABEL_OUTCOMES, d) for d in week], ignore_index=True) if week else pd.DataFrame()
