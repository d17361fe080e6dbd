"""Dagster: assets, checks, jobs, schedules, sensors. Thin: read, call a kernel, write, report. Nothing imports this but
`definitions` and the command line.
"""
