"""Opening CSV, JSONL and Parquet files as text columns, with every unreadable line set aside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from label_pipeline.errors import UserError
from label_pipeline.project import Source
from label_pipeline.sources.reading import broken_schema, fetch
from label_pipeline.sql import identifier, literal

if TYPE_CHECKING:
    import pyarrow as pa


def open_table(con: Any, path: Path, source: Source) -> tuple[list[str], pa.Table]:
    """Load a CSV, JSONL or Parquet file as text columns into the temporary table `landed`, with `landed_row`.

    Returns its columns and the lines that could not be read.

    Raises:
        UserError: the file is empty or not of its format.
    """
    if path.stat().st_size == 0:
        raise UserError("the file is empty", rule="file_empty", do="Land it again, whole.")
    con.execute("DROP TABLE IF EXISTS landed")
    loader = {"jsonl": _load_jsonl, "parquet": _load_parquet}.get(source.format, _load_csv)
    broken = loader(con, path, source)
    columns = [str(row[0]) for row in con.execute("DESCRIBE landed").fetchall() if row[0] != "landed_row"]
    return columns, broken


def _load_csv(con: Any, path: Path, source: Source) -> pa.Table:
    con.execute("DROP TABLE IF EXISTS reject_errors")
    con.execute("DROP TABLE IF EXISTS reject_scans")
    # One thread keeps the order of rows; ignore_errors with store_rejects sets broken lines aside, none is lost.
    options = (
        f"all_varchar = true, header = true, delim = {literal(source.delimiter)}, quote = '\"', escape = '\"', "
        f"encoding = {literal(source.encoding)}, null_padding = false, strict_mode = true, "
        "store_rejects = true, rejects_limit = 0, max_line_size = 16777216"
    )
    con.execute(
        f"CREATE TEMP TABLE landed AS SELECT row_number() OVER () AS landed_row, * "
        f"FROM read_csv({literal(str(path))}, {options})"
    )
    return fetch(
        con,
        "SELECT line::BIGINT AS landed_row, any_value(error_message) AS reason FROM reject_errors GROUP BY line",
        broken_schema(),
    )


def _load_parquet(con: Any, path: Path, source: Source) -> pa.Table:
    con.execute(
        "CREATE TEMP TABLE landed AS SELECT row_number() OVER () AS landed_row, COLUMNS(*)::VARCHAR "
        f"FROM read_parquet({literal(str(path))})"
    )
    names = [str(r[0]) for r in con.execute("DESCRIBE landed").fetchall()]
    if names[0] != "landed_row":
        con.execute(f"ALTER TABLE landed RENAME {identifier(names[0])} TO landed_row")
    return broken_schema().empty_table()


def _load_jsonl(con: Any, path: Path, source: Source) -> pa.Table:
    con.execute(
        "CREATE OR REPLACE TEMP TABLE lines AS SELECT row_number() OVER () AS landed_row, line FROM "
        f"read_csv({literal(str(path))}, columns = {{'line': 'VARCHAR'}}, delim = '\\1', quote = '', escape = '', "
        f"header = false, auto_detect = false, encoding = {literal(source.encoding)}, max_line_size = 16777216)"
    )
    keys = {
        str(r[0])
        for r in con.execute(
            "SELECT DISTINCT unnest(json_keys(line)) FROM lines WHERE json_valid(line) AND json_type(line) = 'OBJECT'"
        ).fetchall()
    }
    columns = ", ".join(f"line ->> {literal('$.' + _json_key(k))} AS {identifier(k)}" for k in sorted(keys))
    con.execute(
        f"CREATE TEMP TABLE landed AS SELECT landed_row{', ' + columns if columns else ''} FROM lines "
        "WHERE json_valid(line) AND json_type(line) = 'OBJECT'"
    )
    return fetch(
        con,
        "SELECT landed_row, 'the line is not a JSON object' AS reason FROM lines "
        "WHERE trim(line) <> '' AND NOT (json_valid(line) AND coalesce(json_type(line), '') = 'OBJECT')",
        broken_schema(),
    )


def _json_key(key: str) -> str:
    return '"' + key.replace('"', '\\"') + '"'
