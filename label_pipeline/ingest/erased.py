"""What was erased and is delivered again: left out before anything is counted or judged.

Whose tombstones there are is `privacy.barred`'s; rewriting the file that delivered it `privacy.redact`'s.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from label_pipeline.ingest.clean import item_sql
from label_pipeline.ingest.read import Read
from label_pipeline.privacy.barred import Barred
from label_pipeline.project import Project
from label_pipeline.sources.text import strip


def leave_out(con: Any, project: Project, source: str, read: Read, barred: Barred) -> Read:
    """The reading, and the view `answers`, without what is barred; the same object where nothing of it is there."""
    import pyarrow as pa
    import pyarrow.compute as pc

    def found(query: str) -> list[Any]:
        return [value for (value,) in con.execute(query).fetchall()]

    people = found("SELECT DISTINCT annotator FROM answers WHERE annotator IS NOT NULL")
    people = [name for name in people if barred.login(source, strip(name))]
    items: list[str] = []
    predictions = read.reading.predictions
    if barred.has_items:
        con.register("said", read.items.select(["item_id"]))
        named = "SELECT item_id FROM said UNION SELECT item_id FROM answers"
        if predictions is not None:
            con.register("predicted", predictions.select(["item_id"]))
            named += " UNION SELECT item_id FROM predicted"
        pairs = con.execute(f"SELECT item_id, {item_sql(project, 'item_id')} FROM ({named})").fetchall()
        items = [name for name, item in pairs if item is not None and barred.item(item)]
    if not people and not items:
        return read
    con.execute(
        "CREATE TEMP TABLE others AS SELECT * FROM answers WHERE coalesce(NOT list_contains(?, annotator), true) "
        "AND coalesce(NOT list_contains(?, item_id), true)",
        [people, items],
    )
    con.execute("DROP VIEW answers")
    con.execute("ALTER TABLE others RENAME TO answers")
    gone = pa.array(items, pa.string())

    def without(table: Any) -> Any:
        return table.filter(pc.invert(pc.is_in(table["item_id"], gone)))

    reading = read.reading if predictions is None else replace(read.reading, predictions=without(predictions))
    ((answers,),) = con.execute("SELECT count(*) FROM answers").fetchall()
    return Read(reading, answers, without(read.items))
