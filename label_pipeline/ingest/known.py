"""What is known already: duplicates add nothing, and what a whole export no longer has is deleted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from label_pipeline.contracts.rules import STATUSES
from label_pipeline.contracts.tables import ANNOTATION_EVENTS
from label_pipeline.ingest.judge import RAW, shown
from label_pipeline.ingest.meaning import day_sql
from label_pipeline.ingest.read import Read
from label_pipeline.project import Project
from label_pipeline.project_labels import ONE_CLASS
from label_pipeline.sql import file_list, literal

if TYPE_CHECKING:
    import pyarrow as pa

ONE_PART = 1_000_000  # events handed over at once


@dataclass(frozen=True, slots=True)
class Known:
    """Partition files of the days before: what has been accepted already; the pseudonyms of the roster, and of its
    adjudicators; and the files of batches that were sent until today."""

    events: Sequence[Path] = ()
    items: Sequence[Path] = ()
    annotators: Collection[str] = ()
    adjudicators: Collection[str] = ()
    sent: Sequence[Path] = ()


def load_known(con: Any, project: Project, known: Known) -> None:
    """Tables `known_events` (every event of the days before that can matter today), `newest` (the last of each
    annotation), `known_items`.

    What can matter is what bears the id of an answer of today; of a whole export, everything.
    """
    columns = "event_id, source, annotation_id, item_id, annotator_id, status, annotated_at"
    if known.events:
        con.execute(
            f"""
            CREATE TEMP TABLE known_events AS
            SELECT {columns}, day FROM read_parquet({file_list(known.events)}, hive_partitioning = true)
            WHERE list_contains(?, source) OR hash(source, annotation_id) IN (
                SELECT hash(source, annotation_id) FROM accepted)
            """,
            [_snapshots(project)],
        )
    else:
        con.execute(f"CREATE TEMP TABLE known_events AS SELECT {columns}, NULL::DATE AS day FROM accepted LIMIT 0")
    con.execute(
        """
        CREATE TEMP TABLE newest AS SELECT * FROM known_events QUALIFY row_number() OVER (
            PARTITION BY source, annotation_id ORDER BY annotated_at DESC NULLS LAST, day DESC, event_id) = 1
        """
    )
    if known.items:
        con.execute(
            "CREATE TEMP TABLE known_items AS "
            f"SELECT DISTINCT item_id, content_hash FROM read_parquet({file_list(known.items)})"
        )
    else:
        con.execute("CREATE TEMP TABLE known_items (item_id VARCHAR, content_hash VARCHAR)")


def _snapshots(project: Project) -> list[str]:
    """The sources whose every delivery is whole."""
    return [name for name, source in project.sources.items() if source.mode == "snapshot"]


def _guideline_sql(project: Project, day: date) -> str:
    """SQL for the guideline of the answer's batch, else the one in force when it was given."""
    guidelines = project.guidelines
    when = day_sql(project, day, "annotated_at")
    begun = sorted(((first, name) for name, first in guidelines.since.items()), reverse=True)
    cases = [f"WHEN batch_id = {literal(batch)} THEN {literal(name)}" for batch, name in guidelines.batches.items()]
    cases += [f"WHEN {when} >= DATE {literal(str(first))} THEN {literal(name)}" for first, name in begun]
    otherwise = "NULL" if begun else literal(guidelines.current)
    return f"CASE {' '.join(cases)} ELSE {otherwise} END" if cases else otherwise


def set_reused_aside(con: Any) -> None:
    """Quarantine answers whose annotation id already belongs to another item or annotator.

    An id names one item and one annotator: the first keeps it, by landing day, then by time of the answer. Taken
    for a newer version, the second would silently replace a good answer.
    """
    # Ids with more than one owner are found by their hashes, which may find too many; only those are looked at closely.
    con.execute(
        """
        CREATE TEMP TABLE suspects AS
        SELECT id FROM (
            SELECT hash(source, annotation_id) AS id, hash(item_id, annotator_id) AS owner FROM accepted
            UNION ALL SELECT hash(source, annotation_id), hash(item_id, annotator_id) FROM known_events)
        GROUP BY id HAVING min(owner) <> max(owner)
        """
    )
    con.execute(
        """
        CREATE TEMP TABLE reused AS
        WITH versions AS (
            SELECT source, annotation_id, item_id, annotator_id, annotated_at, event_id, day, 0 AS rank
            FROM known_events WHERE hash(source, annotation_id) IN (FROM suspects)
            UNION ALL
            SELECT source, annotation_id, item_id, annotator_id, annotated_at, event_id, NULL, 1
            FROM accepted WHERE hash(source, annotation_id) IN (FROM suspects)
        ), owners AS (
            SELECT source, annotation_id,
                   arg_min(struct_pack(item_id := item_id, annotator_id := annotator_id), turn) AS owner
            FROM (SELECT *, row_number() OVER (ORDER BY rank, day, annotated_at NULLS FIRST, event_id) AS turn
                  FROM versions)
            GROUP BY source, annotation_id
        )
        SELECT a.rowid AS place FROM accepted a JOIN owners o USING (source, annotation_id)
        WHERE a.item_id <> o.owner.item_id OR a.annotator_id <> o.owner.annotator_id
        """
    )
    con.execute(
        f"""
        INSERT INTO quarantine
        SELECT landed_file, landed_row, answer, source, 'id_reused', 'annotation_id',
               'the annotation id already belongs to another item or annotator: ''' || {shown("annotation_id")} || '''',
               {RAW}
        FROM accepted JOIN reused ON accepted.rowid = reused.place
        """
    )
    con.execute(
        "INSERT INTO set_aside SELECT source, annotation_id FROM accepted JOIN reused ON accepted.rowid = reused.place"
    )
    con.execute("DELETE FROM accepted USING reused WHERE accepted.rowid = reused.place")


def restore(con: Any, project: Project) -> None:
    """Make what is back in a whole export after its deletion a new version: the same content would be a duplicate."""
    con.execute(
        """
        UPDATE accepted SET event_id = substr(sha256(concat_ws(chr(31), accepted.event_id, n.event_id)), 1, 32)
        FROM newest n WHERE n.status = 'deleted' AND accepted.status <> 'deleted' AND list_contains(?, n.source)
            AND n.source = accepted.source AND n.annotation_id = accepted.annotation_id
        """,
        [_snapshots(project)],
    )


def split_duplicates(con: Any, project: Project, day: date) -> None:
    """Table `duplicates` (place in `accepted`, landed_file) of answers known from before, or from an earlier row of
    today, which add nothing; and the view `events` of the others and of what has `vanished`."""
    # As with suspects: hashes that meet twice first, then the ids themselves.
    con.execute(
        """
        CREATE TEMP TABLE duplicates AS
        WITH twice AS (
            SELECT id FROM (SELECT hash(event_id) AS id FROM accepted UNION ALL SELECT hash(event_id) FROM known_events)
            GROUP BY id HAVING count(*) > 1
        ), ranked AS (
            SELECT rowid AS place, landed_file, event_id IN (SELECT event_id FROM known_events) AS known,
                   row_number() OVER (PARTITION BY event_id ORDER BY landed_file, landed_row, answer) AS copy
            FROM accepted WHERE hash(event_id) IN (FROM twice)
        )
        SELECT place, landed_file FROM ranked WHERE known OR copy > 1
        """
    )
    columns = f"""
        event_id, source, annotation_id, item_id, annotator_id,
        CASE WHEN status IN ('submitted', 'rejected') THEN label END AS label, status, is_gold_check,
        started_at, annotated_at, duration_s,
        CASE WHEN duration_s IS NULL THEN 'none' ELSE duration_source END AS duration_source,
        {_guideline_sql(project, day)} AS guideline_version, batch_id, landed_file, landed_row"""
    con.execute(f"CREATE TEMP TABLE gone AS SELECT {columns} FROM accepted LIMIT 0")
    con.execute(
        f"CREATE TEMP VIEW events AS SELECT {columns} FROM accepted ANTI JOIN duplicates "
        "ON accepted.rowid = duplicates.place UNION ALL FROM gone"
    )


def vanished(con: Any, project: Project, reads: Sequence[Read]) -> None:
    """Deletion events of snapshot sources: annotations known before that today's whole export no longer has.

    A source with an unreadable file or line today is not whole, so nothing of it is taken as deleted.
    """
    unread = {r.file.source for r in reads if r.reading is None or len(r.reading.broken)}
    landed = {r.file.source: r.file.name for r in reads}
    for name in sorted(landed.keys() - unread):
        if project.sources[name].mode != "snapshot":
            continue
        con.execute(
            """
            INSERT INTO gone
            SELECT substr(sha256(concat_ws(chr(31), source, annotation_id, 'deleted', event_id)), 1, 32),
                   source, annotation_id, item_id, annotator_id, NULL, 'deleted',
                   false, NULL, annotated_at, NULL, 'none', NULL, NULL, $2, 0
            FROM newest WHERE source = $1 AND status <> 'deleted' AND annotation_id NOT IN (
                SELECT annotation_id FROM accepted WHERE source = $1
                UNION ALL SELECT annotation_id FROM set_aside WHERE source = $1)
            """,
            [name, landed[name]],
        )


def events_in_order(con: Any, project: Project, reads: Sequence[Read]) -> pa.Table:
    """The events in the shape of their contract, sorted by id; handed over in parts, so that never all are held twice.

    What has few values is sorted as their numbers: rows are a third as wide then.
    """
    import pyarrow as pa

    # Of the events, not of today's files: who vanished from a whole export is in none of them.
    people = [a for (a,) in con.execute("SELECT DISTINCT annotator_id FROM events").fetchall()]
    few = {"source": list(project.sources), "landed_file": [r.file.name for r in reads], "status": list(STATUSES)}
    few["annotator_id"] = people
    if project.labels.type in ONE_CLASS:
        few["label"] = list(project.labels.classes)
    casts = [
        f"{column}::ENUM({', '.join(map(literal, values))}) AS {column}" for column, values in few.items() if values
    ]
    replaced = f"REPLACE ({', '.join(casts)})" if casts else ""
    found = con.sql(f"SELECT * {replaced} FROM events ORDER BY event_id").to_arrow_reader(ONE_PART)
    parts = [ANNOTATION_EVENTS.conform(pa.Table.from_batches([batch])) for batch in found]
    return pa.concat_tables([ANNOTATION_EVENTS.empty(), *parts])
