"""The night's report, and the small plots that the Dagster UI shows."""
