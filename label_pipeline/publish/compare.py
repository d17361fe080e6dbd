"""What changed between two versions, item by item (added, removed, relabelled, moved, surer, less sure) or by file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from label_pipeline.publish import manifest as manifests
from label_pipeline.sql import connect, file_list

KINDS = ("added", "removed", "relabelled", "moved split", "surer", "less sure")
COLUMNS = ("item_id", "change", "label_before", "label", "confidence_before", "confidence", "split_before", "split")

Row = dict[str, Any]


@dataclass(frozen=True)
class Difference:
    """`rows` has one row an item that changed, with `COLUMNS`; `counts` how many of each kind, and of `same` ones."""

    before: str
    after: str
    counts: dict[str, int]
    rows: list[Row]

    @property
    def relabelled(self) -> dict[tuple[str, str], int]:
        """How often a label became another, the most frequent first."""
        pairs: dict[tuple[str, str], int] = {}
        for row in self.rows:
            if row["change"] == "relabelled":
                pair = row["label_before"], row["label"]
                pairs[pair] = pairs.get(pair, 0) + 1
        return dict(sorted(pairs.items(), key=lambda one: (-one[1], one[0])))


def compare(before: Path, after: Path, *, least: float = 0.05) -> Difference:
    """How the version in `after` differs from that in `before`; both are checked against their manifests.

    An item has the first kind of `KINDS` that fits it. Confidence counts as moved from a difference of `least` (0 to 1)
    on. Rows come in the order of kinds, the largest change of confidence first, then by item.
    """
    first, second = (_rows_of(path) for path in (before, after))
    with connect() as con:
        found = con.execute(
            f"""
            WITH a AS (SELECT item_id, label, confidence, split FROM {first}),
                b AS (SELECT item_id, label, confidence, split FROM {second}),
                pairs AS (
                    SELECT item_id, a.label AS label_before, b.label AS label, a.confidence AS confidence_before,
                        b.confidence AS confidence, a.split AS split_before, b.split AS split
                    FROM a FULL JOIN b USING (item_id)
                ),
                judged AS (
                    SELECT *, CASE
                        WHEN split_before IS NULL THEN 'added'
                        WHEN split IS NULL THEN 'removed'
                        WHEN label_before IS DISTINCT FROM label THEN 'relabelled'
                        WHEN split_before <> split THEN 'moved split'
                        WHEN confidence - confidence_before >= $least THEN 'surer'
                        WHEN confidence_before - confidence >= $least THEN 'less sure'
                        ELSE 'same' END AS change
                    FROM pairs
                )
            SELECT {", ".join(COLUMNS)}, count(*) OVER (PARTITION BY change) AS n FROM judged
            QUALIFY change <> 'same' OR row_number() OVER (PARTITION BY change ORDER BY item_id) = 1
            ORDER BY list_position($kinds, change), abs(confidence - confidence_before) DESC NULLS LAST, item_id
            """,
            {"least": least, "kinds": list(KINDS)},
        ).fetchall()
    counts = dict.fromkeys((*KINDS, "same"), 0) | {row[1]: row[-1] for row in found}
    rows = [dict(zip(COLUMNS, row[:-1], strict=True)) for row in found if row[1] != "same"]
    return Difference(before.name, after.name, counts, rows)


def same_rows(before: manifests.Manifest, after: manifests.Manifest) -> bool:
    """Whether two versions hold the same rows, byte for byte."""
    first, second = ({n: f["sha256"] for n, f in m["files"].items() if f["rows"] is not None} for m in (before, after))
    return first == second


def differing(before: manifests.Manifest, after: manifests.Manifest) -> list[str]:
    """The facts of the manifest and the files that are not the same in two versions, by name."""
    own = {"version", "files"}
    facts = sorted(k for k in (before.keys() | after.keys()) - own if before.get(k) != after.get(k))
    mine, other = before["files"], after["files"]
    return facts + sorted(name for name in mine.keys() | other.keys() if mine.get(name) != other.get(name))


def _rows_of(path: Path) -> str:
    """SQL for all rows of a version that is whole."""
    manifest = manifests.read(path)
    manifests.verify(path, manifest)
    files = [path / f"{split}.parquet" for split in manifest["counts"]["by_split"]]
    return f"read_parquet({file_list(files)}, hive_partitioning = false)"
