"""Which engine makes a project's consensus: this process, shards on its disk, or shards on a Spark cluster.

Here belong the part `engine` of the project file and what an engine cannot do. How shards are made and worked on is
`shards`', what a night does with them `orchestration.assets_shards`'.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from label_pipeline.errors import UserError
from label_pipeline.project_base import Part

if TYPE_CHECKING:
    from label_pipeline.folders import DataFolder
    from label_pipeline.project import Project

METHODS = ("majority", "one_coin", "dawid_skene", "crowdlab")
"""The consensus methods that shards have."""
MASTER = "LABEL_PIPELINE_SPARK"
"""The environment variable that names the Spark cluster where the project file does not."""


class Engine(Part):
    """`local`: in memory; `shards`: a shard of about `annotations` at a time; `spark`: on the cluster `master`."""

    name: Literal["local", "shards", "spark"] = "local"
    annotations: int = Field(1_000_000, ge=1)
    master: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @property
    def spark_master(self) -> str:
        """The cluster's address.

        Raises:
            UserError: neither project file nor environment names one.
        """
        master = self.master or os.environ.get(MASTER)
        if not master:
            raise UserError(
                "no Spark cluster is named",
                rule="engine.master",
                do=f"Write engine: {{name: spark, master: 'spark://HOST:7077'}}, or set {MASTER}.",
            )
        return master


def unfit(project: Project) -> str | None:
    """Why the project's engine cannot make its consensus, in words; None where it can."""
    name = project.engine.name
    if name == "local":
        return None
    if project.labels.type != "single_choice":
        return f"engine {name} is for labels of type 'single_choice', and these are '{project.labels.type}'"
    if project.consensus.method not in METHODS:
        method = project.consensus.method
        return f"engine {name} has no consensus.method '{method}'; it has {', '.join(METHODS)}"
    if project.people.gold_checks:
        return f"engine {name} cannot take weight from votes, as people.gold_checks asks"
    return None


def on_engine(project: Project, name: str | None) -> Project:
    """The project on the engine asked for, else on its own.

    Raises:
        UserError: that engine cannot make its consensus.
    """
    if name is None:
        return project
    moved = project.model_copy(update={"engine": project.engine.model_copy(update={"name": name})})
    if words := unfit(moved):
        raise UserError(words, where=f"project {project.project}", rule="--engine", do="Run it with --engine local.")
    return moved


def require_engine(project: Project, folder: DataFolder) -> None:
    """Before a night begins: its engine is there, and reaches the data.

    Raises:
        UserError: Spark or Java is not installed, no cluster is named, or it cannot reach a working copy.
    """
    if project.engine.name == "spark":
        from label_pipeline.shards.spark import require_spark

        if folder.url:
            raise UserError(
                f"workers of Spark cannot reach this machine's working copy of {folder.url}",
                where=f"project {project.project}",
                rule="engine",
                do="Run it with --engine shards, or on a folder that all workers reach by one path.",
            )

        require_spark()
        _ = project.engine.spark_master
