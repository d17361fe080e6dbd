"""The `pull` part of a source in the project file: where a labelling tool answers, and how patiently it is asked.

What is pulled and how it lands is `pull`'s.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from label_pipeline.project_base import Part, wrong

VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,99}")


class Pull(Part):
    """A project of a running Label Studio: its `url`, its number there, and the environment variable with a token.

    `page_size` tasks are asked for at once, each question at most `attempts` times and `timeout_s` seconds. A pull
    that finds more than the share `max_deleted` of all known annotations gone lands no deletion. A night whose pull
    fails runs on what has landed, or, with `otherwise: block`, not at all.
    """

    url: str
    project: Annotated[int, Field(ge=1)]
    token_env: str = "LABEL_STUDIO_TOKEN"  # noqa: S105 - a name
    page_size: Annotated[int, Field(ge=1, le=500)] = 100
    timeout_s: Annotated[float, Field(gt=0, le=3600)] = 60.0
    attempts: Annotated[int, Field(ge=1, le=20)] = 6
    max_deleted: Annotated[float, Field(ge=0, le=1)] = 0.5
    otherwise: Literal["warn", "block"] = "warn"

    # Told for the whole part, not for its field: the message of a field repeats its value, and a token written into
    # the wrong place must not be shown.
    @model_validator(mode="after")
    def _sound(self) -> Pull:
        if not VARIABLE.fullmatch(self.token_env):
            raise wrong("write the NAME of an environment variable, never the token itself", "token_env")
        try:
            parts = urlsplit(self.url)
            sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            raise wrong("this is no address like https://label-studio.example.com", "url") from None
        if not sound or re.search(r"[^!-~]", self.url):
            raise wrong("this is no address like https://label-studio.example.com", "url")
        if parts.username is not None or parts.query or parts.fragment or "?" in self.url or "#" in self.url:
            raise wrong("write the address alone: no name or password, no '?' and no '#'", "url")
        return self
