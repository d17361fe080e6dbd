"""Key figures of a night, each with its definition, interval and verdict.

`catalogue` says what every KPI means, `definition` what a figure and a verdict are, `night` what figures are computed
from; one file a family, named like it, computes them: `figures(night)`.
"""
