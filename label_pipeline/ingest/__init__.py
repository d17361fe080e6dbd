"""From a day's landed files to events, items, quarantine and the account of every answer.

Every answer found is accepted, quarantined or a duplicate; the order of files and rows does not matter.
Reading formats is `sources`'; what the state of an item is, is `state`'s.
"""

from label_pipeline.ingest.day import Ingested, ingest_day
from label_pipeline.ingest.known import Known

__all__ = ["Ingested", "Known", "ingest_day"]
