"""What is known already: duplicates add nothing, and what a whole export no longer has is deleted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from label_pipeline.ingest.judge import RAW, shown
from label_pipeline.ingest.read import Read
from label_pipeline.project import Project
from label_pipeline.sql import file_list, literal


@dataclass(frozen=True, slots=True)
class Known:
    """Partition files of the days before: what has been accepted already."""

    events: Sequence[Path] = ()
    items: Sequence[Path] = ()


def load_known(con: Any, known: Known) -> None:
    """Tables `known_events` (every event of the days before), `newest` (the last of each annotation), `known_items`."""
    columns = "event_id, source, annotation_id, item_id, annotator_id, status, annotated_at"
    if known.events:
        con.execute(
            f"CREATE TEMP TABLE known_events AS SELECT {columns}, day "
            f"FROM read_parquet({file_list(known.events)}, hive_partitioning = true)"
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


def _guideline_sql(project: Project, day: date) -> str:
    """SQL for the guideline in force when the answer was given, or on the landing day where no time is known."""
    when = f"coalesce(CAST(annotated_at AT TIME ZONE {literal(project.timezone)} AS DATE), DATE {literal(str(day))})"
    begun = sorted(((first, name) for name, first in project.guidelines.since.items()), reverse=True)
    cases = " ".join(f"WHEN {when} >= DATE {literal(str(first))} THEN {literal(name)}" for first, name in begun)
    return f"CASE {cases} END" if begun else literal(project.guidelines.current)


def set_reused_aside(con: Any) -> None:
    """Quarantine answers whose annotation id already belongs to another item or annotator.

    An id names one item and one annotator: the first keeps it, by landing day, then by time of the answer. Taken
    for a newer version, the second would silently replace a good answer.
    """
    con.execute(
        """
        CREATE TEMP TABLE owners AS
        SELECT source, annotation_id,
               arg_min(struct_pack(item_id := item_id, annotator_id := annotator_id), turn) AS owner
        FROM (
            SELECT *, row_number() OVER (ORDER BY rank, day, annotated_at NULLS FIRST, event_id) AS turn FROM (
                SELECT source, annotation_id, item_id, annotator_id, annotated_at, event_id, day, 0 AS rank
                FROM known_events
                UNION ALL
                SELECT source, annotation_id, item_id, annotator_id, annotated_at, event_id, NULL, 1 FROM accepted))
        GROUP BY source, annotation_id
        """
    )
    con.execute(
        """
        CREATE TEMP TABLE reused AS SELECT a.* FROM accepted a JOIN owners o USING (source, annotation_id)
        WHERE a.item_id <> o.owner.item_id OR a.annotator_id <> o.owner.annotator_id
        """
    )
    con.execute(
        f"""
        INSERT INTO quarantine
        SELECT landed_file, landed_row, answer, source, 'id_reused', 'annotation_id',
               'the annotation id already belongs to another item or annotator: ''' || {shown("annotation_id")} || '''',
               {RAW}
        FROM reused
        """
    )
    con.execute(
        """
        DELETE FROM accepted USING reused r WHERE accepted.landed_file = r.landed_file
            AND accepted.landed_row = r.landed_row AND accepted.answer = r.answer
        """
    )


def restore(con: Any, project: Project) -> None:
    """Make what is back in a whole export after its deletion a new version: the same content would be a duplicate."""
    con.execute(
        """
        UPDATE accepted SET event_id = substr(sha256(concat_ws(chr(31), accepted.event_id, n.event_id)), 1, 32)
        FROM newest n WHERE n.status = 'deleted' AND list_contains(?, n.source)
            AND n.source = accepted.source AND n.annotation_id = accepted.annotation_id
        """,
        [[name for name, source in project.sources.items() if source.mode == "snapshot"]],
    )


def split_duplicates(con: Any, project: Project, day: date) -> None:
    """Tables `events` and `duplicates`: an answer known from before, or from an earlier row of today, adds nothing."""
    con.execute(
        """
        CREATE TEMP TABLE ranked AS
        SELECT *, row_number() OVER (PARTITION BY event_id ORDER BY landed_file, landed_row, answer) AS copy,
               event_id IN (SELECT event_id FROM known_events) AS known
        FROM accepted
        """
    )
    con.execute("CREATE TEMP TABLE duplicates AS SELECT landed_file FROM ranked WHERE known OR copy > 1")
    con.execute(
        f"""
        CREATE TEMP TABLE events AS
        SELECT event_id, source, annotation_id, item_id, annotator_id,
               CASE WHEN status IN ('submitted', 'rejected') THEN label END AS label, status, is_gold_check,
               started_at, annotated_at, duration_s,
               CASE WHEN duration_s IS NULL THEN 'none' ELSE duration_source END AS duration_source,
               {_guideline_sql(project, day)} AS guideline_version, batch_id, landed_file, landed_row
        FROM ranked WHERE NOT known AND copy = 1
        """
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
            INSERT INTO events
            SELECT substr(sha256(concat_ws(chr(31), source, annotation_id, 'deleted', event_id)), 1, 32),
                   source, annotation_id, item_id, annotator_id, NULL, 'deleted',
                   false, NULL, annotated_at, NULL, 'none', NULL, NULL, $2, 0
            FROM newest WHERE source = $1 AND status <> 'deleted'
              AND annotation_id NOT IN (SELECT annotation_id FROM cleaned WHERE source = $1)
            """,
            [name, landed[name]],
        )
