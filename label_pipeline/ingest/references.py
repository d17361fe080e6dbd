"""What answers must refer to, where the project file asks for it: items that were listed or sent, people of the roster,
and adjudicators where a batch is theirs."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from label_pipeline.ingest.clean import item_sql
from label_pipeline.ingest.meaning import out_of_range_sql
from label_pipeline.project import Project
from label_pipeline.sql import file_list

if TYPE_CHECKING:
    from label_pipeline.ingest.known import Known


def load_references(con: Any, project: Project, known: Known) -> None:
    """Tables `listed_items` and `roster`, as far as the project checks them; drops what other sources say of items.

    With `items.sources` the items are those that these sources have delivered, today or on the days before.
    """
    import pyarrow as pa

    if project.items.sources:
        con.execute("DELETE FROM seen_items WHERE NOT list_contains(?, source)", [list(project.items.sources)])
        before = f"UNION SELECT item_id FROM read_parquet({file_list(known.items)})" if known.items else ""
        today = f"SELECT {item_sql(project, 'item_id')} AS item_id FROM seen_items"
        con.execute(f"CREATE TEMP TABLE listed_items AS {today} {before}")
    if project.people.unknown == "quarantine":
        con.register("incoming", pa.table({"annotator_id": pa.array(sorted(known.annotators), pa.string())}))
        con.execute("CREATE TEMP TABLE roster AS SELECT * FROM incoming")
        con.unregister("incoming")
    if checks_sent(project):
        _load_sent(con, known)


def checks_sent(project: Project) -> bool:
    """Whether answers are compared with the batches that were sent."""
    return project.batches.require_from is not None or project.people.roster is not None


def _load_sent(con: Any, known: Known) -> None:
    """Tables `sent` (batch_id, item_id, route), of all batches until today, and `adjudicators`."""
    import pyarrow as pa

    rows = f"read_json({file_list(known.sent)}, columns = {_SENT}, format = 'newline_delimited')"
    con.execute(f"CREATE TEMP TABLE sent AS {f'FROM {rows}' if known.sent else _NONE}")
    con.register("incoming", pa.table({"annotator_id": pa.array(sorted(known.adjudicators), pa.string())}))
    con.execute("CREATE TEMP TABLE adjudicators AS SELECT * FROM incoming")
    con.unregister("incoming")


_SENT = "{batch_id: 'VARCHAR', item_id: 'VARCHAR', route: 'VARCHAR'}"
_NONE = "SELECT NULL::VARCHAR AS batch_id, NULL::VARCHAR AS item_id, NULL::VARCHAR AS route LIMIT 0"


def reference_columns(project: Project, day: date) -> str:
    """SQL for the columns of `cleaned` that rules on the project's own terms need on `day`, each after a comma."""
    columns = []
    if project.items.sources:
        columns.append("item_id IN (SELECT item_id FROM listed_items WHERE item_id IS NOT NULL) AS item_listed")
    if project.people.unknown == "quarantine":
        columns.append("annotator_id IN (SELECT annotator_id FROM roster) AS annotator_listed")
    if project.batches.require_from is not None:
        # In the batch that the answer names; where it names none that was sent, in any.
        named = "(batch_id, item_id) IN (SELECT (batch_id, item_id) FROM sent)"
        known = "coalesce(batch_id IN (SELECT batch_id FROM sent), false)"
        anywhere = f"NOT {known} AND item_id IN (SELECT item_id FROM sent)"
        free = "true" if day < project.batches.require_from else "false"
        columns.append(f"({free} OR coalesce({named}, false) OR coalesce({anywhere}, false)) AS item_sent")
    if project.people.roster is not None:
        theirs = "batch_id IN (SELECT batch_id FROM sent WHERE route = 'adjudicator')"
        may = "annotator_id IN (SELECT annotator_id FROM adjudicators)"
        columns.append(f"(coalesce({theirs}, false) AND NOT coalesce({may}, false)) AS decides_without_role")
    if project.labels.range:
        columns.append(f"{out_of_range_sql(project.labels, 'label')} AS out_of_range")
    return "".join(f", {column}" for column in columns)
