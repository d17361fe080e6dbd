"""The `privacy` part of the project file: what is taken out of items' free text.

How identifiers are found is `privacy.scrub`'s.
"""

from __future__ import annotations

from pydantic import Field, field_validator

from label_pipeline.errors import nearest
from label_pipeline.privacy.scrub import PATTERNS
from label_pipeline.project_base import Names, Part


class Presidio(Part):
    """Texts are shown to Microsoft Presidio too: see `privacy.presidio`."""

    language: str = "en"
    model: str | None = None
    at_least: float = Field(0.5, ge=0, le=1)
    entities: Names = ()


class Scrub(Part):
    """Item `fields` whose texts lose identifiers of these `kinds`, and the names in the file `names`, one a line."""

    fields: Names
    kinds: Names = tuple(PATTERNS)
    names: str | None = None
    presidio: Presidio | None = None

    @field_validator("kinds")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for kind in value:
            if kind not in PATTERNS:
                raise ValueError(f"'{kind}' is no kind of identifier. {nearest(kind, PATTERNS)}")
        return value


READERS = ("training", "quality", "operations")
"""The roles that have a mart of their own."""


class Privacy(Part):
    """What is done for people who stand in items, and the `roles` that get a mart; annotators are pseudonyms anyway."""

    scrub: Scrub | None = None
    roles: Names = READERS

    @field_validator("roles")
    @classmethod
    def _readers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for role in value:
            if role not in READERS:
                raise ValueError(f"'{role}' is no role with a mart. {nearest(role, READERS)}")
        return value
