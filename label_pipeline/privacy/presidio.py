"""Microsoft Presidio as one more recogniser of identifiers, behind the extra `privacy-presidio`.

Here belongs only what makes Presidio's analyzer a recogniser of `scrub`. Without a spaCy model it finds what has a
pattern and often a check digit: numbers of identity cards, taxes, health and bank accounts of many countries, crypto
wallets. With one it finds persons and places too, as well as that model does. Nothing is fetched: a model is installed
by whoever runs the nights.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from label_pipeline.errors import UserError
from label_pipeline.privacy.scrub import Span

NO_IDENTIFIERS = ("DATE_TIME", "URL", "NRP")
"""What Presidio finds and is not looked for unless asked for: days, addresses of pages, peoples and creeds."""
_FETCHES = "EmailRecognizer"  # it asks the network for the list of top-level domains; our own pattern finds e-mails
_WHERE = "privacy.scrub.presidio"


class Presidio:
    """What Presidio finds in texts of a `language` with a score of `at_least` (0 to 1), kinds in its own words.

    `model` is an installed spaCy pipeline or the path of one, None for patterns alone. `entities` are Presidio's names
    of what is looked for; empty for all that it knows of the language but `NO_IDENTIFIERS`.
    """

    def __init__(
        self, language: str = "en", model: str | None = None, at_least: float = 0.5, entities: tuple[str, ...] = ()
    ) -> None:
        self.language, self.model, self.at_least, self.entities = language, model, at_least, entities

    def find(self, text: str) -> Iterator[Span]:
        """Every identifier of the kinds asked for, scored high enough."""
        analyzer, entities = self.analyzer
        for found in analyzer.analyze(text, language=self.language, entities=entities, score_threshold=self.at_least):
            yield Span(found.start, found.end, found.entity_type.lower())

    @cached_property
    def analyzer(self) -> tuple[Any, list[str]]:
        """Presidio's engine and the entities it is asked for.

        Raises:
            UserError: Presidio or the model is not installed, or an entity is not one of the language's.
        """
        try:
            from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
            from presidio_analyzer.nlp_engine import SpacyNlpEngine
        except ImportError as error:
            raise UserError(
                "Presidio is not installed",
                where=_WHERE,
                do="Install it where the nights run: pip install 'label-pipeline[privacy-presidio]'",
            ) from error
        engine: Any = SpacyNlpEngine(models=[{"lang_code": self.language, "model_name": self.model or "none"}])
        engine.nlp = {self.language: self._pipeline()}
        registry = RecognizerRegistry(supported_languages=[self.language])
        registry.load_predefined_recognizers(languages=[self.language], nlp_engine=engine)
        registry.remove_recognizer(_FETCHES)
        if self.model is None:
            registry.remove_recognizer("SpacyRecognizer")
        known = sorted(registry.get_supported_entities(languages=[self.language]))
        unknown = [name for name in self.entities if name not in known]
        if unknown:
            raise UserError(
                f"Presidio looks for no '{unknown[0]}' in language '{self.language}'"
                f" {'without a model' if self.model is None else 'with this model'}",
                where=f"{_WHERE}.entities",
                do=f"Known: {', '.join(known)}.",
            )
        analyzer = AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=[self.language])
        return analyzer, list(self.entities) or [name for name in known if name not in NO_IDENTIFIERS]

    def _pipeline(self) -> Any:
        """The spaCy pipeline; without a model one that only cuts texts into words."""
        import spacy

        try:
            return spacy.blank(self.language) if self.model is None else spacy.load(self.model)
        except (ImportError, OSError) as error:  # spaCy says with either that there is no such language or model
            what = f"model '{self.model}'" if self.model else f"language '{self.language}'"
            raise UserError(
                f"spaCy has no {what}",
                where=f"{_WHERE}.{'model' if self.model else 'language'}",
                do="Install it where the nights run, or leave 'model' out: then patterns alone are found."
                if self.model
                else "Languages are named by their codes, like en or de.",
            ) from error
