"""What a run says on the screen: one line for each table of each day, and what went wrong."""

import logging
import sys

import dagster as dg


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


def _progress(context: dg.InitLoggerContext) -> logging.Logger:
    logger = logging.Logger("label_pipeline", level=logging.INFO)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Plain())
    handler.addFilter(_OwnWords())
    logger.addHandler(handler)
    return logger


progress_logger = dg.LoggerDefinition(_progress, description="The pipeline's own messages, plain, on standard error.")
