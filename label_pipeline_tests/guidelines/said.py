"""Votes written as what was said of each item: `aab` is three answers by p0, p1, p2."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from label_pipeline.votes import Votes


def answers_of(said: Sequence[str], version: str = "v1", first: int = 0) -> pd.DataFrame:
    """A frame of submitted answers under one guideline version; `first` numbers the first item."""
    rows = [
        {"item_id": f"i{k:03d}", "annotator_id": f"p{a}", "label": label, "guideline_version": version}
        for k, each in enumerate(said, start=first)
        for a, label in enumerate(each)
    ]
    columns = ["item_id", "annotator_id", "label", "guideline_version"]
    return pd.DataFrame(rows, columns=columns).assign(annotated_at=pd.Timestamp("2026-10-05", tz="UTC"))


def votes_by_version(answers: pd.DataFrame, classes: Sequence[str]) -> dict[str, Votes]:
    """The votes of each version on one common list of items."""
    items = np.asarray(sorted(set(answers["item_id"])), dtype=object)
    return {
        str(version): Votes.build(own, classes=tuple(classes), items=items)
        for version, own in answers.groupby("guideline_version")
    }


def votes_of(said: Sequence[str], classes: str = "abcd") -> Votes:
    """The same as votes; items without an answer are among them."""
    items = np.array([f"i{k:03d}" for k in range(len(said))], dtype=object)
    return Votes.build(answers_of(said), classes=tuple(classes), items=items)
