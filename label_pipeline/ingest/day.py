"""One day's ingestion, step by step, and the account of every answer found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from label_pipeline.contracts.tables import ITEMS, LANDED_PREDICTIONS, LANDINGS, QUARANTINE
from label_pipeline.files import sha256
from label_pipeline.ingest.clean import clean, item_sql, load_answers, plausible, time_sql
from label_pipeline.ingest.judge import judge
from label_pipeline.ingest.known import (
    Known,
    events_in_order,
    load_known,
    restore,
    set_reused_aside,
    split_duplicates,
    vanished,
)
from label_pipeline.ingest.read import Read, read_file
from label_pipeline.ingest.references import load_references
from label_pipeline.landing import LandedFile
from label_pipeline.predictions import split_predictions
from label_pipeline.project import Project
from label_pipeline.sources.reading import Reading
from label_pipeline.sources.text import json_key
from label_pipeline.sql import connect, literal

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Ingested:
    """One day's tables, in the shapes of `contracts.tables`."""

    events: pa.Table
    items: pa.Table
    quarantine: pa.Table
    landings: pa.Table
    predictions: pa.Table


def ingest_day(project: Project, day: date, files: Sequence[LandedFile], known: Known, secret: bytes) -> Ingested:
    """All tables of one landing day. The order of files does not matter, nor that of answers in a file; of several
    payloads or predictions of one item the last row of the last file counts.

    `secret` is the pseudonym key. A file that cannot be read is one quarantined row, and stops no other.
    """
    with connect() as con:
        reads = [read_file(project, file) for file in sorted(files, key=lambda file: file.name)]
        predictions, bad = split_predictions(project, [(r.file, r.reading) for r in reads if r.reading is not None])
        load_answers(con, project, reads, secret)
        clean(con, project, day)
        reads = [read.taken_in() for read in reads]
        load_references(con, project, known)
        judge(con, project, day, reads)
        con.register("bad_predictions", QUARANTINE.conform(bad))
        con.execute("INSERT INTO quarantine SELECT * FROM bad_predictions")
        load_known(con, project, known)
        set_reused_aside(con)
        restore(con, project)
        split_duplicates(con, project, day)
        vanished(con, project, reads)
        items = _items(con, project)
        quarantine = con.table("quarantine").to_arrow_table()
        landings = _account(con, reads, predictions)
        events = events_in_order(con, project, reads)
    return Ingested(
        events=events,
        items=ITEMS.conform(items),
        quarantine=QUARANTINE.conform(quarantine),
        landings=LANDINGS.conform(landings),
        predictions=LANDED_PREDICTIONS.conform(predictions.drop_duplicates(["item_id", "model"], keep="last")),
    )


def _items(con: Any, project: Project) -> pa.Table:
    """New versions of items: a payload not seen before; an empty payload only for an item not known at all.

    An item that only answers which nobody asked for name is none.
    """
    arrived = project.items.arrived_at
    when = time_sql(f"(payload ->> {json_key(arrived)})") if arrived else "NULL::TIMESTAMPTZ"
    con.execute(f"SET TimeZone = {literal(project.timezone)}")
    table = con.sql(
        f"""
        WITH named AS (
            SELECT {item_sql(project, "item_id")} AS id, payload, landed_file, landed_row FROM seen_items
            WHERE id IS NOT NULL AND NOT contains(id, chr(0)) AND (
                (landed_file, id) NOT IN (SELECT (landed_file, raw ->> 'item_id') FROM quarantine
                                          WHERE rule = 'item_not_sent')
                OR id IN (SELECT item_id FROM known_items))
        ), several AS (
            SELECT id FROM named GROUP BY id HAVING count(*) > 1
        ), whole AS (
            SELECT id AS item_id, payload, landed_file FROM named ANTI JOIN several USING (id)
            UNION ALL
            SELECT id, payload, landed_file FROM named SEMI JOIN several USING (id) QUALIFY row_number() OVER (
                PARTITION BY id ORDER BY payload = '{{}}', landed_file DESC, landed_row DESC, payload) = 1
        )
        SELECT item_id, payload, {plausible("arrived_at")} AS arrived_at, content_hash, landed_file
        FROM (SELECT *, substr(sha256(payload), 1, 16) AS content_hash, {when} AS arrived_at FROM whole)
             ANTI JOIN known_items USING (item_id, content_hash)
        WHERE NOT (payload = '{{}}' AND item_id IN (SELECT item_id FROM known_items))
        """
    ).to_arrow_table()
    con.execute("SET TimeZone = 'UTC'")
    return table


def _account(con: Any, reads: Sequence[Read], predictions: pd.DataFrame) -> dict[str, list[Any]]:
    """What became of each file's answers, and of the rows of prediction files."""

    def per_file(query: str) -> dict[str, int]:
        return dict(con.execute(query).fetchall())

    broken = per_file("SELECT landed_file, count(*) FROM broken GROUP BY landed_file")
    # Row 0 is what has vanished: no row of the file.
    accepted = per_file("SELECT landed_file, count(*) FROM events WHERE landed_row > 0 GROUP BY landed_file")
    quarantined = per_file("SELECT landed_file, count(*) FROM quarantine GROUP BY landed_file")
    duplicates = per_file("SELECT landed_file, count(*) FROM duplicates GROUP BY landed_file")
    extra = predictions.duplicated(["item_id", "model"], keep="last")
    accepted |= {str(f): int(n) for f, n in predictions["landed_file"][~extra].value_counts().items()}
    duplicates |= {str(f): int(n) for f, n in predictions["landed_file"][extra].value_counts().items()}
    names = [r.file.name for r in reads]
    return {
        "landed_file": names,
        "source": [r.file.source for r in reads],
        "sha256": [_digest(r.file) for r in reads],
        "bytes": [r.file.path.stat().st_size for r in reads],
        "landed": [
            r.answers + broken.get(r.file.name, 0) + _prediction_rows(r.reading) + (r.reading is None) for r in reads
        ],
        "accepted": [accepted.get(n, 0) for n in names],
        "quarantined": [quarantined.get(n, 0) for n in names],
        "duplicates": [duplicates.get(n, 0) for n in names],
        "problem": [r.problem.text() if r.problem else None for r in reads],
    }


def _digest(file: LandedFile) -> str:
    """The file's checksum; empty where it may not be read, which its problem says already."""
    try:
        return sha256(file.path)
    except OSError:
        return ""


def _prediction_rows(reading: Reading | None) -> int:
    return 0 if reading is None or reading.predictions is None else len(reading.predictions)
