"""After a night: tell what is new, by every sender the project asks for, and remember what was told."""

from __future__ import annotations

from label_pipeline.alerts.senders import Message, SendError, senders
from label_pipeline.alerts.standing import standing
from label_pipeline.alerts.told import Told, read_told, write_told
from label_pipeline.folders import DataFolder
from label_pipeline.lake import Lake
from label_pipeline.project import Project


def tell(folder: DataFolder, project: Project, *, failed_at: str | None = "") -> tuple[int, list[str]]:
    """Tell what is new as of the newest computed day: how many pieces of news went out, and a warning a failed sender.

    `failed_at` names the step at which the run broke off, None where only a part of a night was run. No failure of a
    sender is raised: its news stay news.
    """
    now = standing(Lake(folder, project.project), project, failed_at=failed_at)
    if now is None:
        return 0, []
    path = folder.alerts(project.project)
    told, sent, warnings = read_told(path), 0, []
    for name, send in senders(project.alerts):
        news, after = told.get(name, Told()).news(now)
        if news:
            try:
                warning = send(Message(project.project, now.day, news))
            except SendError as error:
                warnings.append(f"{project.project}: nobody was told by {name}: {error}")
                continue
            sent += len(news)
            warnings += [f"{project.project}: {warning}"] if warning else []
        if after != told.get(name):
            told[name] = after
            write_told(path, told)
    return sent, warnings
