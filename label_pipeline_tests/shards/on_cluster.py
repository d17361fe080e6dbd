"""What the test of Spark runs on a cluster: `python -m label_pipeline_tests.shards.on_cluster FOLDER`.

Reads what to fit, and on which cluster, from FOLDER/asked.pickle and writes the fits to found.pickle. Where a case asks
for it, one of the workers is killed in the middle of a pass.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from label_pipeline.consensus.dawid_skene import DawidSkene
from label_pipeline.errors import UserError
from label_pipeline.shards import agreement, annotators, noise
from label_pipeline.shards.base import Shards
from label_pipeline.shards.crowdlab import fit_crowdlab
from label_pipeline.shards.dawid_skene import fit_dawid_skene
from label_pipeline.shards.disk import Stored, write_consensus
from label_pipeline.shards.majority import fit_majority
from label_pipeline.shards.spark import spark
from label_pipeline_tests.shards.cluster import SETTINGS

EM: dict[str, Any] = {"max_iter": 5, "tol": 0.0}
METHODS: dict[str, Any] = {
    "majority": fit_majority,
    "dawid_skene": lambda shards: fit_dawid_skene(shards, DawidSkene(**EM)),
    "crowdlab": fit_crowdlab,
}


@dataclass(frozen=True)
class Case:
    """What to do with the shards of one data set.

    `beside` asks for agreement, annotators and noise too; `kill` is the process group of the worker that dies.
    """

    source: Stored
    methods: tuple[str, ...]
    beside: bool = False
    kill: int | None = None


@dataclass
class Killing:
    """A runner that kills a worker 0.7 s into its third pass, whose tasks take half a second longer than they must."""

    runner: Any
    worker: int
    passes: int = 0
    died: float = 0.0
    ended: float = 0.0

    def map(self, function: Any, tasks: Sequence[Any], broadcast: Any) -> Iterator[Any]:
        self.passes += 1
        if self.passes != 3:
            return self.runner.map(function, tasks, broadcast)
        threading.Timer(0.7, self._kill).start()
        results = list(self.runner.map(slowly, tasks, (function, broadcast)))
        self.ended = time.monotonic()
        return iter(results)

    def _kill(self) -> None:
        os.killpg(self.worker, signal.SIGKILL)
        self.died = time.monotonic()


def slowly(task: Any, called: tuple[Any, Any]) -> Any:
    """The call, and half a second more."""
    time.sleep(0.5)
    function, broadcast = called
    return function(task, broadcast)


def refuse(_: int, words: str) -> None:
    """A task that a user must mend."""
    raise UserError(words, do="Mend it.")


def main(folder: Path) -> None:
    master, asked = pickle.loads((folder / "asked.pickle").read_bytes())
    found: dict[str, Any] = {}
    with spark(master, SETTINGS) as runner:
        try:
            runner.map(refuse, range(3), "wrong")
        except UserError as error:
            found["refused"] = error.text()
        for name, case in asked.items():
            working = Killing(runner, case.kill) if case.kill else runner
            shards = Shards(case.source.annotators, case.source.classes, case.source, working)
            for method in case.methods:
                fit = METHODS[method](shards)
                write_consensus(shards, fit, folder / name / method)
                found[name, method] = fit
            if case.beside:
                report = annotators.annotator_report(shards, fit)
                judged = noise.label_noise(shards, fit)
                found[name, "beside"] = agreement.patterns(shards), report, replace(judged, fit=None)
            if isinstance(working, Killing):
                found["killed"] = working.passes > 3 and 0 < working.died < working.ended
    (folder / "found.pickle").write_bytes(pickle.dumps(found))


if __name__ == "__main__":
    from label_pipeline_tests.shards import on_cluster  # the name by which workers and pickles know what stands here

    on_cluster.main(Path(sys.argv[1]))
