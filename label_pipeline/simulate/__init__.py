"""A seeded simulator of labelling work. What it makes is made up, and is for documentation and tests.

`people` says how a person answers, `work` who answers what and when, `label_studio` and `vendor` write the
answers down as those tools do, `faults` plants what goes wrong in deliveries, `digits` brings real items, and
`sample` puts them together into the sample project. The same seed gives the same bytes on every machine: every
draw comes from `random.Random.random`, which Python promises to keep. Nothing of the pipeline imports this
package; only the command line does.
"""

from label_pipeline.simulate.faults import Planted
from label_pipeline.simulate.people import Person, label_chances
from label_pipeline.simulate.sample import sample_files, simulate_project
from label_pipeline.simulate.work import Answer, Item, work

__all__ = [
    "Answer",
    "Item",
    "Person",
    "Planted",
    "label_chances",
    "sample_files",
    "simulate_project",
    "work",
]
