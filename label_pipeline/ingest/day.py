"""One day's ingestion, step by step, and the account of every answer found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from label_pipeline.contracts.tables import ITEMS, LANDED_PREDICTIONS, LANDINGS, LOGINS, QUARANTINE
from label_pipeline.files import sha256
from label_pipeline.ingest.clean import item_sql, plausible, time_sql
from label_pipeline.ingest.known import Known, News, news
from label_pipeline.ingest.references import load_references
from label_pipeline.ingest.take import Taken, take_in
from label_pipeline.landing import LandedFile
from label_pipeline.predictions import split_predictions
from label_pipeline.privacy.persons import Met, Persons
from label_pipeline.privacy.scrub import Scrubber
from label_pipeline.project import Project
from label_pipeline.sources.reading import item_schema, with_file
from label_pipeline.sources.text import json_key
from label_pipeline.sql import connect, file_list, literal

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Ingested:
    """One day's tables, in the shapes of `contracts.tables`; of the events some columns are held as codes.

    `met` names who answered by their identities: it is for the re-identification map, and in none of the tables. Of the
    files `erased` something was left out, since it was erased.
    """

    events: pa.Table
    items: pa.Table
    quarantine: pa.Table
    landings: pa.Table
    predictions: pa.Table
    logins: pa.Table
    met: Collection[Met] = field(repr=False)
    erased: Sequence[LandedFile] = ()


def ingest_day(project: Project, day: date, files: Sequence[LandedFile], known: Known, persons: Persons) -> Ingested:
    """All tables of one landing day. The order of files does not matter, nor that of answers in a file; of several
    payloads or predictions of one item the last row of the last file counts.

    `persons` says who is who. A file that cannot be read is one quarantined row, and stops no other.
    """
    import pyarrow as pa

    files = sorted(files, key=lambda file: file.name)
    with connect() as con, ThreadPoolExecutor(1) as aside:
        digests = list(map(aside.submit, [_digest] * len(files), files))
        load_references(con, project, known, files)
        taken = [take_in(con, project, day, file, persons, known.barred) for file in files]
        predictions, bad = split_predictions(project, [(t.file, t.predictions) for t in taken if t.predictions])
        items = _items(con, project, known, taken)
        found = news(con, project, known, taken)
    quarantine = pa.concat_tables(
        [
            QUARANTINE.conform(bad),
            found.quarantine,
            *(table for t in taken for table in (t.unread, t.judged.quarantine)),
        ]
    )
    met = {m for t in taken for m in t.met}
    return Ingested(
        events=found.events,
        items=ITEMS.conform(items),
        quarantine=QUARANTINE.conform(quarantine),
        landings=LANDINGS.conform(_account(taken, [d.result() for d in digests], found, quarantine, predictions)),
        predictions=LANDED_PREDICTIONS.conform(predictions.drop_duplicates(["item_id", "model"], keep="last")),
        logins=LOGINS.conform(_logins(met, persons.key)),
        met=met,
        erased=[t.file for t in taken if t.erased],
    )


def _logins(met: Collection[Met], key: str) -> dict[str, list[Any]]:
    return {"login": [m.login for m in met], "annotator_id": [m.annotator_id for m in met], "key": [key] * len(met)}


def _items(con: Any, project: Project, known: Known, taken: Sequence[Taken]) -> pa.Table:
    """New versions of items: a payload not seen before; an empty payload only for an item not known at all.

    With `items.sources` what other sources say of items is passed over. An item that only answers which nobody asked
    for name is none.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    heard = [t for t in taken if t.file.source in (project.items.sources or [t.file.source])]
    nothing = with_file(item_schema().empty_table(), "")
    seen = pa.concat_tables([nothing, *(with_file(t.items, t.file.name) for t in heard)])
    con.register("seen_items", _scrubbed(seen, known.scrub) if known.scrub else seen)
    refused = [t.judged.quarantine.filter(pc.field("rule") == "item_not_sent") for t in taken]
    not_sent = pa.concat_tables([QUARANTINE.empty(), *refused])
    con.register("not_sent", not_sent)
    asked = """(landed_file, id) NOT IN (SELECT (landed_file, raw ->> 'item_id') FROM not_sent)
               OR id IN (SELECT item_id FROM known_items)"""
    known_items = f"(SELECT DISTINCT item_id, content_hash FROM read_parquet({file_list(known.items)}))"
    if not known.items:
        known_items = "(SELECT NULL::VARCHAR AS item_id, NULL::VARCHAR AS content_hash LIMIT 0)"
    arrived = project.items.arrived_at
    when = time_sql(f"(payload ->> {json_key(arrived)})") if arrived else "NULL::TIMESTAMPTZ"
    con.execute(f"SET TimeZone = {literal(project.timezone)}")
    table: pa.Table = con.sql(
        f"""
        WITH known_items AS MATERIALIZED {known_items}, named AS (
            SELECT {item_sql(project, "item_id")} AS id, payload, landed_file, landed_row FROM seen_items
        ), sound AS (
            SELECT * FROM named WHERE id IS NOT NULL AND NOT contains(id, chr(0))
                AND ({asked if len(not_sent) else "true"})
        ), several AS (
            SELECT id FROM sound GROUP BY id HAVING count(*) > 1
        ), whole AS (
            SELECT id AS item_id, payload, landed_file FROM sound ANTI JOIN several USING (id)
            UNION ALL
            SELECT id, payload, landed_file FROM sound SEMI JOIN several USING (id) QUALIFY row_number() OVER (
                PARTITION BY id ORDER BY payload = '{{}}', landed_file DESC, landed_row DESC, payload) = 1
        )
        SELECT item_id, payload, {plausible("arrived_at")} AS arrived_at, content_hash, landed_file
        FROM (SELECT *, substr(md5(payload), 1, 16) AS content_hash, {when} AS arrived_at FROM whole)
             ANTI JOIN known_items USING (item_id, content_hash)
        WHERE NOT (payload = '{{}}' AND item_id IN (SELECT item_id FROM known_items))
        ORDER BY item_id
        """
    ).to_arrow_table()
    con.execute("SET TimeZone = 'UTC'")
    con.unregister("seen_items")
    con.unregister("not_sent")
    return table


def _scrubbed(items: pa.Table, scrubber: Scrubber) -> pa.Table:
    """`items` without identifiers in their texts; each payload is looked at once, however often it came."""
    import pyarrow as pa

    coded = items["payload"].combine_chunks().dictionary_encode()
    clean = pa.array([scrubber.payload(text) for text in coded.dictionary.to_pylist()], pa.string())
    return items.set_column(items.column_names.index("payload"), "payload", clean.take(coded.indices))


def _account(
    taken: Sequence[Taken], digests: Sequence[str], found: News, quarantine: pa.Table, predictions: pd.DataFrame
) -> dict[str, list[Any]]:
    """What became of each file's answers, and of the rows of prediction files."""
    import pyarrow.compute as pc

    def per_file(names: pa.ChunkedArray) -> Counter[str]:
        counted = pc.value_counts(names.combine_chunks())
        return Counter({str(row["values"]): row["counts"] for row in counted.to_pylist()})

    # Row 0 is what has vanished: no row of the file.
    accepted = per_file(found.events["landed_file"].filter(pc.greater(found.events["landed_row"], 0)))
    quarantined, duplicates = per_file(quarantine["landed_file"]), Counter(found.duplicates)
    extra = predictions.duplicated(["item_id", "model"], keep="last")
    accepted.update({str(f): int(n) for f, n in predictions["landed_file"][~extra].value_counts().items()})
    duplicates.update({str(f): int(n) for f, n in predictions["landed_file"][extra].value_counts().items()})
    names = [t.file.name for t in taken]
    return {
        "landed_file": names,
        "source": [t.file.source for t in taken],
        "sha256": list(digests),
        "bytes": [t.file.path.stat().st_size for t in taken],
        "landed": [t.landed for t in taken],
        "accepted": [accepted[n] for n in names],
        "quarantined": [quarantined[n] for n in names],
        "duplicates": [duplicates[n] for n in names],
        "problem": [t.problem.text() if t.problem else None for t in taken],
    }


def _digest(file: LandedFile) -> str:
    """The file's checksum; empty where it may not be read, which its problem says already."""
    try:
        return sha256(file.path)
    except OSError:
        return ""
