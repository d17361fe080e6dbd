"""What a project's assets work with: its file, its folders, its lake, and what they all read the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from label_pipeline.clock import days
from label_pipeline.contracts.rules import broken_contract
from label_pipeline.contracts.tables import (
    ANNOTATION_EVENTS,
    CONSENSUS_LABELS,
    GOLD_SET,
    ITEMS,
    LANDINGS,
    LOGINS,
    Table,
)
from label_pipeline.errors import MachineError, UserError
from label_pipeline.folders import DataFolder
from label_pipeline.gold.life import in_force
from label_pipeline.ingest.flood import Counts, flooded_days
from label_pipeline.ingest.known import Known
from label_pipeline.lake import Lake
from label_pipeline.landing import sent_files
from label_pipeline.matrices import frame_of
from label_pipeline.privacy.barred import Barred
from label_pipeline.privacy.persons import Persons
from label_pipeline.privacy.pseudonyms import key
from label_pipeline.privacy.same_people import require_same_people
from label_pipeline.privacy.tombstones import read_tombstones
from label_pipeline.project import Project
from label_pipeline.project_files import persons, roster, scrubber
from label_pipeline.state import (
    TEST_QUESTIONS,
    TRUSTED_ANSWERS,
    counted,
    current_events,
    current_items,
    heard,
    hidden_questions,
)

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from label_pipeline.votes import Votes


@dataclass(frozen=True)
class Written:
    """Rows that stand in their partition already, because they were too many for memory: how many there are."""

    n: int

    def __len__(self) -> int:
        return self.n


MOST_REMEMBERED = 1 << 30
"""Bytes, of which an answer takes about 60 and an item what its payload has."""


@dataclass(frozen=True)
class Desk:
    """One project at work. Made anew for every run, so that an edited project file counts at once.

    With `versions` its answers have what tells one version from another too (`state.VERSION`), which nights do without:
    it is half of the memory.
    """

    folder: DataFolder
    project: Project
    versions: bool = False

    @cached_property
    def lake(self) -> Lake:
        """The project's partitions."""
        return Lake(self.folder, self.project.project, self.require_there)

    @cached_property
    def secret(self) -> bytes:
        """The pseudonym key; a new one only where no lake was made with another."""
        return key(make=not any(self.folder.lake.glob(f"{LOGINS.name}/*/day=*")))

    @cached_property
    def persons(self) -> Persons:
        """Who is who."""
        return persons(self.folder, self.project, self.secret)

    @cached_property
    def people(self) -> pd.DataFrame:
        """The roster: annotator_id, group, role."""
        return roster(self.folder, self.project, self.secret)

    def events(self, day: date) -> pa.Table:
        """The newest version of every answer as of `day`; texts are held as codes."""
        self.require_same_people(day)
        return self._once(
            "events",
            (ANNOTATION_EVENTS,),
            day,
            lambda: current_events(self.lake, day, self.people, versions=self.versions),
        )

    def annotations(self, day: date) -> pa.Table:
        """The votes as of `day`: one an item and annotator."""
        return self._once(
            "annotations",
            (ANNOTATION_EVENTS, *self._on_gold),
            day,
            lambda: counted(
                self.events(day),
                test_sources=self.test_sources,
                gold=self.gold_items(day, "check"),
                evaluation=self.gold_items(day, "evaluation"),
            ),
        )

    def witnesses(self, day: date) -> pa.Table:
        """What models answered as of `day`, one an item and model."""
        return self._once("witnesses", (ANNOTATION_EVENTS,), day, lambda: heard(self.events(day)))

    def items(self, day: date) -> pa.Table:
        """The newest version of every item as of `day`; a tool's test questions are none, unless they are our gold."""
        return self._once("items", (ITEMS, ANNOTATION_EVENTS, *self._on_gold), day, lambda: self._items(day))

    def _items(self, day: date) -> pa.Table:
        import pyarrow.compute as pc

        found = current_items(self.lake, self.project, day)
        if not self.test_sources:
            return found
        gold = self.gold_items(day, "check", "evaluation")
        tests = hidden_questions(self.events(day), test_sources=self.test_sources, gold=gold)
        return found.filter(pc.invert(pc.is_in(found["item_id"], tests["item_id"].combine_chunks())))

    @cached_property
    def test_sources(self) -> tuple[str, ...]:
        """The sources whose tools hide test questions among the work."""
        return tuple(name for name, source in self.project.sources.items() if source.format in TEST_QUESTIONS)

    @property
    def _on_gold(self) -> tuple[Table, ...]:
        """The gold set, where it decides who votes."""
        marking = (*TEST_QUESTIONS, *TRUSTED_ANSWERS)
        return (GOLD_SET,) if any(s.format in marking for s in self.project.sources.values()) else ()

    def gold_items(self, day: date, *roles: str) -> list[str]:
        """The gold items of these roles as of `day`, where a tool's marks make them decide who votes; else none."""
        if not self._on_gold or not self.lake.has(GOLD_SET, day):
            return []
        gold = in_force(self.frame(GOLD_SET, day), day)
        return list(gold.loc[gold["role"].isin(roles), "item_id"])

    def _once(self, name: str, tables: Sequence[Table], day: date, make: Callable[[], pa.Table]) -> pa.Table:
        """What `make` gives, remembered as long as the partitions it rests on stay the same files.

        Every asset of a run reads the same state; what is remembered is bounded by `MOST_REMEMBERED` bytes.
        """
        rests_on = tuple((str(f), f.stat().st_mtime_ns) for table in tables for f in self.lake.files(table, day))
        known = self._memory.get((name, day))
        if known is not None and known[0] == rests_on:
            return known[1]
        made = make()
        # Votes are the events themselves where all of them count.
        held = {id(table): table.nbytes for _, table in self._memory.values()} | {id(made): made.nbytes}
        if sum(held.values()) > MOST_REMEMBERED:
            self._memory.clear()
        self._memory[name, day] = (rests_on, made)
        return made

    @cached_property
    def _memory(self) -> dict[tuple[str, date], tuple[Any, pa.Table]]:
        return {}

    def votes(self, annotations: pa.Table, items: pa.Table) -> Votes:
        """The coded matrix of `annotations`; items without any are part of it. The newest one is remembered."""
        from label_pipeline.votes import Votes

        for known_annotations, known_items, known in self._votes:
            if known_annotations is annotations and known_items is items:
                return known
        made = Votes.build(annotations, classes=self.project.labels.classes, items=items["item_id"])
        self._votes[:] = [(annotations, items, made)]
        return made

    @cached_property
    def _votes(self) -> list[tuple[pa.Table, pa.Table, Votes]]:
        return []

    def frame(self, table: Table, day: date, *, without: Sequence[str] = ()) -> pd.DataFrame:
        """A day's partition as a pandas frame, `without` columns nobody asks for."""
        wanted = [name for name in table.names if name not in without]
        return frame_of(self.lake.read(table, day, wanted))

    def labels(self, day: date) -> pd.DataFrame:
        """The table consensus_labels of a day without its probabilities."""
        return self.frame(CONSENSUS_LABELS, day, without=["probabilities"])

    def before(self, table: Table, day: date) -> pd.DataFrame:
        """The partition of the day before; empty on the project's first day."""
        if day <= self.project.start:
            empty: pd.DataFrame = table.empty().to_pandas()
            return empty
        return self.frame(table, day - timedelta(days=1))

    def known_before(self, day: date) -> Known:
        """What ingestion of `day` knows: earlier partitions, roster, what was sent, what to scrub, who is barred."""
        eve, people = day - timedelta(days=1), self.people
        return Known(
            self.lake.files(ANNOTATION_EVENTS, eve),
            self.lake.files(ITEMS, eve),
            tuple(people["annotator_id"]),
            tuple(people.loc[people["role"] == "adjudicator", "annotator_id"]),
            sent_files(self.folder, self.project.project, day),
            scrubber(self.folder, self.project),
            self.barred,
        )

    @property
    def barred(self) -> Barred | None:
        """Who and what was erased; None where nobody and nothing was."""
        tombstones = read_tombstones(self.folder.tombstones(self.project.project), self.secret)
        return Barred(tombstones, self.persons) if tombstones else None

    def require_same_people(self, day: date) -> None:
        """Refuse a lake up to `day` whose pseudonyms are not those that key and roster give now.

        Raises:
            UserError: says what to run or to put back.
        """
        self._same.update(require_same_people(self.lake, self.project, self.persons, day, checked=self._same))

    @cached_property
    def _same(self) -> set[Path]:
        return set()

    def require_days_before(self, day: date) -> None:
        """Refuse to compute `day` while an earlier day is missing or flooded: its state would be wrong without a word.

        Raises:
            UserError: says which days to run first.
        """
        done = set(self.lake.days(LANDINGS))
        missing = [d for d in days(self.project.start, day - timedelta(days=1)) if d not in done]
        if missing:
            name = self.project.project
            raise UserError(
                f"{day} cannot be computed: {len(missing)} earlier day(s) from {missing[0]} have not been",
                where=f"project {name}",
                rule="days run in order",
                do=f"Run: label-pipeline nightly --project {name} --from {missing[0]} --to {day}",
            )
        flooded = flooded_days(self.lake, self.project, day - timedelta(days=1), self._accounts)
        if flooded:
            raise UserError(
                f"{day} cannot be computed: {flooded[0]} is flooded with rows in quarantine",
                where=f"project {self.project.project}",
                rule="quarantine.limit",
                do=f"See: label-pipeline quarantine {self.project.project} --day {flooded[0]}. "
                "Mend the project file and replay, or list the day in quarantine.let_pass.",
            )

    @cached_property
    def _accounts(self) -> Counts:
        return {}

    def gone(self) -> MachineError | None:
        """What there is to say where the project's file, which was there when the run began, is gone."""
        place = self.folder.project_file(self.project.project)
        with suppress(OSError):
            if place.is_file():
                return None
        return MachineError(
            "the data folder, or the project in it, is gone",
            where=str(self.folder.root),
            rule=f"{place.name} was there when the run began",
            do="Is its disk still mounted? Then run the same again: what was computed stays.",
        )

    def require_there(self) -> None:
        """Refuse to write below a lost mount: there is another disk, where nobody looks.

        Raises:
            MachineError: the data folder is gone.
        """
        if gone := self.gone():
            raise gone

    def store(self, table: Table, day: date, rows: Any, part: str = "part") -> pa.Table:
        """Check a table against its contract and write the partition.

        Raises:
            ContractError: the rows break the contract; nothing is written.
        """
        conformed = table.conform(rows)
        labels = self.project.labels
        broken = broken_contract(table, conformed, labels.meaning if labels.has_consensus else ())
        if broken:
            raise ContractError(table.name, broken)
        return self.lake.write(table, day, conformed, part)

    def store_pieces(self, table: Table, day: date, pieces: Iterable[pa.Table]) -> Written:
        """The same of a table in pieces, in the order of its key, that are never in memory together.

        Raises:
            ContractError: a piece breaks the contract, or a key stands twice; nothing is written.
        """
        meaning = self.project.labels.meaning
        rows = 0

        def checked() -> Iterator[pa.Table]:
            nonlocal rows
            last: tuple[Any, ...] = ()
            for piece in pieces:
                conformed = table.conform(piece)
                first = tuple(conformed[name][0].as_py() for name in table.key)
                broken = broken_contract(table, conformed, meaning)
                if last and not last < first:
                    broken.append(f"{table.name}: {first} comes after {last}")
                if broken:
                    raise ContractError(table.name, broken)
                last, rows = tuple(conformed[name][-1].as_py() for name in table.key), rows + len(conformed)
                yield conformed

        self.lake.write_pieces(table, day, checked())
        return Written(rows)


class ContractError(Exception):
    """A table the pipeline made breaks its own contract: a fault to report, never data to mend."""

    def __init__(self, table: str, broken: list[str]) -> None:
        super().__init__(f"{table}: " + "; ".join(broken))
        self.table, self.broken = table, broken
