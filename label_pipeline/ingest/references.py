"""What answers must refer to, where the project file asks for it: items that were listed or sent, people of the roster,
and adjudicators where a batch is theirs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from label_pipeline.errors import UserError
from label_pipeline.ingest.clean import item_sql
from label_pipeline.ingest.meaning import out_of_range_sql
from label_pipeline.ingest.read import read_file
from label_pipeline.landing import LandedFile
from label_pipeline.project import Project
from label_pipeline.sql import file_list, scratch

if TYPE_CHECKING:
    from label_pipeline.ingest.known import Known


def load_references(con: Any, project: Project, known: Known, files: Sequence[LandedFile]) -> None:
    """Tables `listed_items`, `roster`, `sent` and `adjudicators`, as far as the project checks them.

    With `items.sources` the items are those that these sources have delivered, on the days before or in today's
    `files`: these are read ahead of the others, as which file is read first must not matter.
    """
    import pyarrow as pa

    if project.items.sources:
        before = f"SELECT item_id FROM read_parquet({file_list(known.items)})" if known.items else "SELECT NULL LIMIT 0"
        con.execute(f"CREATE TEMP TABLE listed_items (item_id VARCHAR); INSERT INTO listed_items {before}")
        for file in files:
            if file.source in project.items.sources:
                _list_items(con, project, file)
    if project.people.unknown == "quarantine":
        con.register("incoming", pa.table({"annotator_id": pa.array(sorted(known.annotators), pa.string())}))
        con.execute("CREATE TEMP TABLE roster AS SELECT * FROM incoming")
        con.unregister("incoming")
    if checks_sent(project):
        _load_sent(con, known)


def _list_items(con: Any, project: Project, file: LandedFile) -> None:
    with scratch(con):
        read = read_file(con, project, file)
        if not isinstance(read, UserError):
            con.register("incoming", read.items)
            con.execute(f"INSERT INTO listed_items SELECT {item_sql(project, 'item_id')} FROM incoming")
            con.unregister("incoming")


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
