"""Which model the city's workers look with: the choice, who made it, and what the catalogue has to offer."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import yaml

from vision.core.clock import Clock
from vision.core.errors import ConfigError, NotThereError
from vision.detectors.catalogue import Catalogue, ModelEntry, model_entry, read_catalogue, verify

_KIND, _KEY = "setting", "models"
_MOST_KEPT = 50


class Settings(Protocol):
    """storage.registry.Registry; a change of it reaches the workers within seconds."""

    def document(self, kind: str, key: str) -> dict[str, Any]: ...

    def put(self, kind: str, key: str, document: dict[str, Any], *, by: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Choice:
    """`number` counts the choices that were made; `at` is ISO 8601."""

    model: str
    number: int
    by: str
    at: str


class ModelShelf:
    """The choice is kept in the registry; without one, every worker looks with the configured model."""

    def __init__(self, settings: Settings, clock: Clock, configured: str, catalogue_file: Path) -> None:
        self._settings, self._clock = settings, clock
        self.configured = configured
        self._file = catalogue_file

    def chosen(self) -> Choice | None:
        history = self.history()
        return history[-1] if history else None

    def history(self) -> list[Choice]:
        """Oldest first."""
        try:
            kept = self._settings.document(_KIND, _KEY)["history"]
        except NotThereError:
            return []
        return [Choice(**one) for one in kept]

    def wanted(self) -> str:
        chosen = self.chosen()
        return self.configured if chosen is None else chosen.model

    def before(self) -> str | None:
        """What was looked with before the present choice; None when nothing else ever was."""
        wanted = self.wanted()
        earlier = [choice.model for choice in self.history() if choice.model != wanted]
        if earlier:
            return earlier[-1]
        return None if wanted == self.configured else self.configured

    def switch(self, model: str, by: str) -> Choice:
        """Have every worker look with a model of the catalogue, or with the configured one again.

        Raises:
            ConfigError: there is no such model, or its files are not here or not what they should be.
            StorageError: the choice cannot be kept.
        """
        if model != self.configured:
            catalogue = self.catalogue()
            model_entry(catalogue, model)
            trouble = verify(catalogue, self._file.parent, [model])
            if trouble:
                raise ConfigError(*trouble)
        history = self.history()
        choice = Choice(model, history[-1].number + 1 if history else 1, by, self._clock.now().isoformat())
        kept = [*history, choice][-_MOST_KEPT:]
        document = {"history": [{"model": c.model, "number": c.number, "by": c.by, "at": c.at} for c in kept]}
        self._settings.put(_KIND, _KEY, document, by=by)
        return choice

    def catalogue(self) -> Catalogue:
        """Raises ConfigError, NotThereError."""
        return read_catalogue(self._file)

    def trouble(self, name: str) -> list[str]:
        """One sentence for every file of a model that is missing or not what it should be."""
        return verify(self.catalogue(), self._file.parent, [name])

    def classes(self, entry: ModelEntry) -> list[str]:
        """What a model can see: as the catalogue says, else as the metadata beside its file names it."""
        if isinstance(entry.classes, dict):
            return sorted({ours for ours in entry.classes.values() if ours})
        if entry.classes is not None:
            return list(entry.classes)
        names: dict[str, None] = {}
        for opened in entry.backends.values():
            beside = (self._file.parent / opened).parent / "metadata.yaml"
            try:
                document = yaml.safe_load(beside.read_text(encoding="utf-8"))
            except (OSError, yaml.YAMLError, UnicodeDecodeError):
                continue
            names.update(dict.fromkeys(_named(document)))
        return list(names)


def shadows(records: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The workers' records (by worker) as one row a shadow model: counts added up, reasons by worker."""
    rows: dict[str, dict[str, Any]] = {}
    for worker, record in sorted(records.items()):
        row = rows.setdefault(
            record["model"],
            {"model": record["model"], "compared": 0, "passed": 0, "failed": 0, "classes": {}, "trouble": {}},
        )
        for key in ("compared", "passed", "failed"):
            row[key] += record[key]
        for name, counts in record["classes"].items():
            total = row["classes"].setdefault(name, {"both": 0, "first": 0, "shadow": 0})
            for who, count in counts.items():
                total[who] += count
        if record["reason"]:
            row["trouble"][worker] = record["reason"]
    return list(rows.values())


def _named(document: Any) -> list[str]:
    """Class names of a metadata.yaml, ours (outputs with their classes) or Ultralytics' (names by id)."""
    if not isinstance(document, dict):
        return []
    if isinstance(document.get("names"), dict):
        return [str(name) for name in document["names"].values()]
    outputs = document.get("outputs")
    return [str(name) for part in outputs for name in part.get("classes", [])] if isinstance(outputs, list) else []
