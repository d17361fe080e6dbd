"""What is known already: duplicates add nothing, and what a whole export no longer has is deleted.

Only answers whose annotation id is met more than once, today or before, are looked at one by one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from label_pipeline.contracts.tables import ANNOTATION_EVENTS, QUARANTINE
from label_pipeline.ingest.judge import coded, no_answers, shown
from label_pipeline.privacy.barred import Barred
from label_pipeline.privacy.scrub import Scrubber
from label_pipeline.project import Project
from label_pipeline.sql import file_list

if TYPE_CHECKING:
    import pyarrow as pa

    from label_pipeline.ingest.take import Taken

RAW = "json_object({})::VARCHAR".format(
    ", ".join(
        f"'{name}', {shown(f'{name}::VARCHAR', 200)}"
        for name in ("annotation_id", "item_id", "annotator_id", "label", "status", "annotated_at")
    )
)


@dataclass(frozen=True, slots=True)
class Known:
    """Partition files of the days before: what has been accepted already; the pseudonyms of the roster, and of its
    adjudicators; the files of batches that were sent until today; what is taken out of items' texts; and who and what
    was erased and is not taken in again."""

    events: Sequence[Path] = ()
    items: Sequence[Path] = ()
    annotators: Collection[str] = ()
    adjudicators: Collection[str] = ()
    sent: Sequence[Path] = ()
    scrub: Scrubber | None = None
    barred: Barred | None = None


@dataclass(frozen=True, slots=True)
class News:
    """What a day's accepted answers add: their `events` in the order they landed in, then what has vanished; the
    `quarantine` rows of reused ids; and how many `duplicates` each file had."""

    events: pa.Table
    quarantine: pa.Table
    duplicates: dict[str, int]


def news(con: Any, project: Project, known: Known, taken: Sequence[Taken]) -> News:
    """Compare what was accepted today with itself and with what is known."""
    import numpy as np
    import pyarrow as pa

    accepted = pa.concat_tables([no_answers(), *(t.judged.accepted for t in taken)])
    con.register("accepted", accepted.append_column("place", pa.array(np.arange(len(accepted)))))
    _load_known(con, project, known)
    _load_met(con)
    quarantine = _set_reused_aside(con)
    restored = _restore(con, project)
    _find_duplicates(con)
    gone = _vanished(con, project, taken)
    con.unregister("accepted")
    duplicates = con.execute("SELECT landed_file, count(*) FROM met WHERE duplicate GROUP BY landed_file").fetchall()
    dropped = con.execute("SELECT place FROM met WHERE reused OR duplicate").fetchnumpy()["place"]
    kept = np.ones(len(accepted), bool)
    kept[dropped] = False
    events = accepted.drop_columns("answer")
    if restored:
        ids = events["event_id"].to_numpy().copy()
        ids[list(restored)] = list(restored.values())
        events = events.set_column(0, events.schema.field(0), pa.array(ids, pa.string()))
    if not kept.all():
        events = events.filter(pa.array(kept))
    return News(pa.concat_tables([events, gone]), quarantine, dict(duplicates))


def _load_known(con: Any, project: Project, known: Known) -> None:
    """Tables `known_events` (every event of the days before that can matter today) and `newest` (the last of each
    annotation).

    What can matter is what bears the id of an answer of today; of a whole export, everything.
    """
    columns = "event_id, source, annotation_id, item_id, annotator_id, status, annotated_at"
    if known.events:
        con.execute(
            f"""
            CREATE TEMP TABLE known_events AS
            SELECT {columns}, day FROM read_parquet({file_list(known.events)}, hive_partitioning = true)
            WHERE list_contains(?, source) OR hash(source, annotation_id) IN (
                SELECT hash(source::VARCHAR, annotation_id) FROM accepted)
            """,
            [snapshots(project)],
        )
    else:
        con.execute(f"CREATE TEMP TABLE known_events AS SELECT {columns}, NULL::DATE AS day FROM accepted LIMIT 0")
    con.execute(
        """
        CREATE TEMP TABLE newest AS SELECT * FROM known_events QUALIFY row_number() OVER (
            PARTITION BY source, annotation_id ORDER BY annotated_at DESC NULLS LAST, day DESC, event_id) = 1
        """
    )


def snapshots(project: Project) -> list[str]:
    """The sources whose every delivery is whole."""
    return [name for name, source in project.sources.items() if source.mode == "snapshot"]


def _load_met(con: Any) -> None:
    """Table `met`: today's answers whose annotation id is met more than once; `reused` and `duplicate` come later.

    Ids are compared by their hashes, which may find too many: what is found is looked at closely.
    """
    con.execute(
        """
        CREATE TEMP TABLE met AS
        WITH several AS (
            SELECT id FROM (SELECT hash(source, annotation_id) AS id FROM accepted
                            UNION ALL SELECT hash(source, annotation_id) FROM known_events)
            GROUP BY id HAVING count(*) > 1
        )
        SELECT place, source, annotation_id, item_id, annotator_id, label, status, annotated_at, event_id, landed_file,
               landed_row, answer, false AS reused, false AS duplicate
        FROM accepted WHERE hash(source, annotation_id) IN (FROM several)
        """
    )


def _set_reused_aside(con: Any) -> pa.Table:
    """Mark answers whose annotation id already belongs to another item or annotator, and return their quarantine rows.

    An id names one item and one annotator: the first keeps it, by landing day, then by time of the answer. Taken
    for a newer version, the second would silently replace a good answer.
    """
    con.execute(
        """
        UPDATE met SET reused = true FROM (
            SELECT source, annotation_id,
                   arg_min(struct_pack(item_id := item_id, annotator_id := annotator_id), turn) AS owner
            FROM (SELECT *, row_number() OVER (ORDER BY day NULLS LAST, annotated_at NULLS FIRST, event_id) AS turn
                  FROM (SELECT source, annotation_id, item_id, annotator_id, annotated_at, event_id, day
                        FROM known_events SEMI JOIN met USING (source, annotation_id)
                        UNION ALL
                        SELECT source, annotation_id, item_id, annotator_id, annotated_at, event_id, NULL FROM met))
            GROUP BY source, annotation_id
        ) o WHERE met.source = o.source AND met.annotation_id = o.annotation_id
            AND (met.item_id <> o.owner.item_id OR met.annotator_id <> o.owner.annotator_id)
        """
    )
    rows = con.sql(
        f"""
        SELECT landed_file, landed_row, answer, source, 'id_reused' AS rule, 'annotation_id' AS "column",
               'the annotation id already belongs to another item or annotator: ''' || {shown("annotation_id")} || ''''
               AS reason, {RAW} AS raw
        FROM met WHERE reused
        """
    ).to_arrow_table()
    return QUARANTINE.conform(rows)


def _restore(con: Any, project: Project) -> dict[int, str]:
    """Make what is back in a whole export after its deletion a new version: the same content would be a duplicate.

    Returns its new event id by place.
    """
    con.execute(
        """
        CREATE TEMP TABLE restored AS
        SELECT place, substr(md5(concat(left(met.event_id, 16), chr(31), left(n.event_id, 16))), 1, 16)
                   || right(met.event_id, 16) AS event_id
        FROM met JOIN newest n ON n.source = met.source AND n.annotation_id = met.annotation_id
        WHERE n.status = 'deleted' AND met.status <> 'deleted' AND NOT reused AND list_contains(?, n.source)
        """,
        [snapshots(project)],
    )
    con.execute("UPDATE met SET event_id = r.event_id FROM restored r WHERE r.place = met.place")
    return dict(con.execute("FROM restored").fetchall())


def _find_duplicates(con: Any) -> None:
    """Mark answers known from before, or from an earlier row of today."""
    con.execute(
        """
        UPDATE met SET duplicate = true FROM (
            SELECT place, event_id IN (SELECT event_id FROM known_events) AS known,
                   row_number() OVER (PARTITION BY event_id ORDER BY place) AS copy
            FROM met WHERE NOT reused
        ) ranked WHERE ranked.place = met.place AND (known OR copy > 1)
        """
    )


def _vanished(con: Any, project: Project, taken: Sequence[Taken]) -> pa.Table:
    """Deletion events of snapshot sources: annotations known before that today's whole export no longer has.

    A source with an unreadable file or line today is not whole, so nothing of it is taken as deleted. Such an event
    stands in no row: its row is 0, of the last file of the source.
    """
    import pyarrow as pa

    unread = {t.file.source for t in taken if len(t.unread)}
    landed = {t.file.source: t.file.name for t in taken}
    gone = [coded(ANNOTATION_EVENTS.empty())]
    for name in sorted(landed.keys() - unread):
        if project.sources[name].mode != "snapshot":
            continue
        aside = [t.judged.set_aside for t in taken if t.file.source == name]
        con.register(
            "aside", pa.table({"annotation_id": pa.chunked_array([c for a in aside for c in a.chunks], pa.string())})
        )
        rows = con.sql(
            """
            SELECT substr(md5(concat('deleted', chr(31), left(event_id, 16))), 1, 16) || right(event_id, 16)
                       AS event_id,
                   source, annotation_id, item_id, annotator_id, NULL AS label, 'deleted' AS status,
                   false AS is_gold_check, NULL AS started_at, annotated_at, NULL AS duration_s,
                   'none' AS duration_source, NULL AS guideline_version, NULL AS batch_id, $2 AS landed_file,
                   0 AS landed_row
            FROM newest WHERE source = $1 AND status <> 'deleted' AND annotation_id NOT IN (
                SELECT annotation_id FROM accepted WHERE source = $1 UNION ALL SELECT annotation_id FROM aside)
            ORDER BY event_id
            """,
            params=[name, landed[name]],
        ).to_arrow_table()
        con.unregister("aside")
        gone.append(coded(ANNOTATION_EVENTS.conform(rows)))
    return pa.concat_tables(gone)
