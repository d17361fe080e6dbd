"""What answers must refer to, where the project file asks for it: items that were listed, people of the roster."""

from __future__ import annotations

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


def reference_columns(project: Project) -> str:
    """SQL for the columns of `cleaned` that rules on the project's own terms need, each after a comma."""
    columns = []
    if project.items.sources:
        columns.append("item_id IN (SELECT item_id FROM listed_items WHERE item_id IS NOT NULL) AS item_listed")
    if project.people.unknown == "quarantine":
        columns.append("annotator_id IN (SELECT annotator_id FROM roster) AS annotator_listed")
    if project.labels.range:
        columns.append(f"{out_of_range_sql(project.labels, 'label')} AS out_of_range")
    return "".join(f", {column}" for column in columns)
