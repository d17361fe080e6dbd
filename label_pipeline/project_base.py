"""What all parts of the project file are made of: strict and frozen models, and how a check tells its mistake.

The parts themselves stand in `project`, `project_labels` and their like.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic_core import PydanticCustomError

Names = Annotated[tuple[str, ...], BeforeValidator(lambda v: (v,) if isinstance(v, str) else v)]


class Part(BaseModel):
    """A part of the project file: unknown fields are mistakes, and nothing changes it once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def wrong(words: str, *at: str | int) -> PydanticCustomError:
    """A mistake in the field `at`, below the part that is being checked."""
    return PydanticCustomError("mistake", "{words}", {"words": words, "at": at})
