"""Who and what intake no longer takes in: the erased, told by their tombstones, whoever delivers them again."""

from __future__ import annotations

from dataclasses import dataclass

from label_pipeline.privacy.persons import Persons
from label_pipeline.privacy.tombstones import Tombstones


@dataclass(frozen=True, slots=True)
class Barred:
    """The erased of a project, as files name them."""

    tombstones: Tombstones
    persons: Persons

    def login(self, source: str, identity: str) -> bool:
        """Whether a login was erased, or is one of an erased person's."""
        if self.tombstones.has_login(source, identity):
            return True
        met = self.persons.met(source, identity)
        return self.tombstones.has_annotator(met.annotator_id) or self.tombstones.has_annotator(met.login)

    @property
    def has_items(self) -> bool:
        """Whether any item was erased: nobody looks at items otherwise."""
        return self.tombstones.has_items

    def item(self, item_id: str) -> bool:
        """Whether an item was erased."""
        return self.tombstones.has_item(item_id)
