"""The work of a pass on a Spark cluster: the same functions on the same shards, in Spark's tasks.

Here belongs only how tasks reach Spark and results come back. Nothing is shuffled: every worker reads shards from a
folder that all reach, what a pass must know is broadcast once, and sums return to the driver, which adds them in their
order. A task that is lost with its worker is run again elsewhere by Spark, and gives the same, so that the result does
not depend on who worked. Needs the extra `spark` and Java 17, the workers this package.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from label_pipeline.errors import UserError

T = TypeVar("T")
R = TypeVar("R")

SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.maxResultSize": "0",  # sums of a pass have a bound of their own, see `base.GROUPS`
    "spark.broadcast.compress": "false",  # floating-point numbers: it costs more than it saves
}


@dataclass(frozen=True)
class OnSpark:
    """A `runners.Runner` on a SparkContext."""

    context: Any

    def map(self, function: Callable[[T, Any], R], tasks: Sequence[T], broadcast: Any) -> Iterator[R]:
        """See `runners.Runner`; a UserError of a task is raised here, without a second try."""
        shared = self.context.broadcast(broadcast)
        try:
            done = self.context.parallelize(list(tasks), max(len(tasks), 1)).map(_Call(function, shared)).collect()
        finally:
            shared.destroy()
        for refused in (result for result in done if isinstance(result, _Refused)):
            raise refused.error
        return iter(done)


@contextmanager
def spark(master: str, settings: Mapping[str, str] | None = None, *, name: str = "label-pipeline") -> Iterator[OnSpark]:
    """A runner on the cluster at `master`, such as spark://host:7077; stopped at the end.

    `settings` are Spark's own, above those of `SETTINGS`. Workers run the Python this process runs.

    Raises:
        UserError: Spark or Java is not installed.
    """
    require_spark()
    from pyspark import SparkConf, SparkContext

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    conf = SparkConf().setMaster(master).setAppName(name)
    context = SparkContext(conf=conf.setAll([*(SETTINGS | dict(settings or {})).items()]))
    try:
        yield OnSpark(context)
    finally:
        context.stop()


def require_spark() -> None:
    """Refuse to begin without Spark.

    Raises:
        UserError: Spark or Java is not installed.
    """
    if importlib.util.find_spec("pyspark") is None:
        raise UserError("Spark is not installed", do="Install it: pip install 'label-pipeline[spark]'")
    if not (os.environ.get("JAVA_HOME") or shutil.which("java")):
        raise UserError("Spark needs Java and there is none", do="Install Java 17 or newer, or set JAVA_HOME.")


@dataclass(frozen=True)
class _Refused:
    """What a task refused: Spark would try again what no second try mends, and give back only its words."""

    error: UserError


@dataclass(frozen=True)
class _Call:
    function: Callable[[Any, Any], Any]
    shared: Any

    def __call__(self, task: Any) -> Any:
        try:
            return self.function(task, self.shared.value)
        except UserError as error:
            return _Refused(error)
