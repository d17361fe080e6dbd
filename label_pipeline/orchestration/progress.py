"""What a run says on the screen: one line for each table of each day, and what went wrong; as text, or as JSON.

With `LABEL_PIPELINE_LOG=json` each line is one JSON object for a log collector: at, level, run, project, day, asset,
message. No row of anybody's data is ever logged.
"""

import json
import logging
import os
import re
import sys
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from label_pipeline.orchestration.table_assets import op_name

FORMAT = "LABEL_PIPELINE_LOG"
RUN_CONFIG: dict[str, Any] = {"loggers": {"console": {}}}
"""Of a run that speaks so: naming the logger puts our own in the place of Dagster's, which tells every event."""
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class _OwnWords(logging.Filter):
    """Lets the pipeline's own messages through; Dagster's events are in its event log."""

    def filter(self, record: logging.LogRecord) -> bool:
        meta = getattr(record, "dagster_meta", {}) or {}
        # One failed step makes a line for each of the ten steps that wait for it.
        waits = str(meta.get("orig_message")).startswith("Dependencies for step ")
        return not meta.get("dagster_event") and not waits


class _Plain(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        meta = getattr(record, "dagster_meta", {}) or {}
        return str(meta.get("orig_message") or record.getMessage())


class _Json(_Plain):
    def format(self, record: logging.LogRecord) -> str:
        meta = getattr(record, "dagster_meta", {}) or {}
        words = super().format(record)
        tags = meta.get("job_tags") or {}
        project, asset = _asset(meta, tags, words)
        day = DAY.search(words)
        told: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "run": meta.get("run_id"),
            "project": project,
            "day": day[0] if day else tags.get("dagster/asset_partition_range_end"),
            "asset": asset,
            "message": words,
        }
        return json.dumps(told, ensure_ascii=False)


def _asset(meta: dict[str, Any], tags: dict[str, str], words: str) -> tuple[str | None, str | None]:
    """The project and the asset of a message: the run's project, else the one the message begins with, as all do."""
    step = str(meta.get("step_key") or "")
    for project in (tags.get("project"), (words.split() or [""])[0].rstrip(":")):
        if project and step.startswith(op_name(project, "")):
            return project, step.removeprefix(op_name(project, ""))
    return tags.get("project"), step or None


def _progress(context: dg.InitLoggerContext) -> logging.Logger:
    logger = logging.Logger("label_pipeline", level=logging.INFO)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if os.environ.get(FORMAT) == "json" else _Plain())
    handler.addFilter(_OwnWords())
    logger.addHandler(handler)
    return logger


progress_logger = dg.LoggerDefinition(_progress, description="The pipeline's own messages, plain, on standard error.")
