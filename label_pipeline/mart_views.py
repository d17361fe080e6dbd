"""The mart's views: the few questions that people and BI tools ask every day, answered from its tables.

A view names tables without the database they are in, so that it works wherever the file is opened.
"""

from __future__ import annotations

from dataclasses import dataclass

from label_pipeline.contracts.tables import (
    CONSENSUS_LABELS,
    GATES,
    KPIS,
    LABEL_ISSUES,
    LANDINGS,
    QUARANTINE,
    RELABEL_QUEUE,
    Table,
)


@dataclass(frozen=True)
class View:
    """One view: its name, what a row is, the tables it needs, and its query."""

    name: str
    meaning: str
    tables: tuple[Table, ...]
    query: str


VIEWS = (
    View(
        "kpi_latest",
        "One figure of the newest night, with its interval, target and status.",
        (KPIS,),
        "SELECT * FROM kpis WHERE day = (SELECT max(day) FROM kpis)",
    ),
    View(
        "kpi_trend",
        "One overall figure of one night beside that of the night before; beyond_interval: each is outside the"
        " other's.",
        (KPIS,),
        """
        SELECT day, kpi, value, ci_low, ci_high, n, target, status, lag(value) OVER nights AS previous,
            value - lag(value) OVER nights AS change,
            coalesce(value < lag(ci_low) OVER nights OR value > lag(ci_high) OVER nights, false)
                AND coalesce(lag(value) OVER nights < ci_low OR lag(value) OVER nights > ci_high, false)
                AS beyond_interval
        FROM kpis WHERE dimension = 'all'
        WINDOW nights AS (PARTITION BY kpi ORDER BY day)
        ORDER BY kpi, day
        """,
    ),
    View(
        "open_issues",
        "One label that is probably wrong and not settled by gold or an adjudicator; what is queued stands first.",
        (LABEL_ISSUES, CONSENSUS_LABELS, RELABEL_QUEUE),
        """
        SELECT i.day, i.item_id, i.given_label, i.suggested_label, i.label_quality, i.kind, i.duplicate_set,
            c.confidence, c.n_annotations, c.status, q.rank, q.route, q.within_budget
        FROM label_issues i JOIN consensus_labels c USING (item_id) LEFT JOIN relabel_queue q USING (item_id)
        WHERE i.is_issue AND c.status NOT IN ('gold', 'adjudicated')
        ORDER BY q.rank NULLS LAST, i.label_quality NULLS LAST, i.item_id
        """,
    ),
    View(
        "quarantined",
        "How many answers of a day's file broke a rule.",
        (QUARANTINE,),
        """
        SELECT day, landed_file, source, rule, count(*) AS answers
        FROM quarantine GROUP BY ALL ORDER BY day, landed_file, rule
        """,
    ),
    View(
        "broken_now",
        "One thing that is broken on the newest night: a gate nobody has overridden, a missed target or an"
        " unreadable file, and what was seen. Empty when all is well.",
        (GATES, KPIS, LANDINGS),
        """
        SELECT day, CASE severity WHEN 'block' THEN 'blocking gate' ELSE 'gate' END AS what, gate AS name, words
        FROM gates WHERE NOT passed AND overridden IS NULL AND day = (SELECT max(day) FROM gates)
        UNION ALL
        SELECT day, 'target', concat_ws(' ', kpi, nullif(member, '')),
            format('{:.4g} misses its target {:g}', value, target)
        FROM kpis WHERE status = 'missed' AND day = (SELECT max(day) FROM kpis)
        UNION ALL
        SELECT day, 'file', landed_file, problem
        FROM landings WHERE problem IS NOT NULL AND day = (SELECT max(day) FROM landings)
        """,
    ),
)
