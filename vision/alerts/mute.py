"""The global mute: one switch for every loudspeaker of the city, kept across restarts."""

from vision.core.errors import NotThereError
from vision.storage.registry import Registry

_KIND, _KEY = "setting", "loudspeakers"


class Mute:
    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    @property
    def on(self) -> bool:
        try:
            return bool(self._registry.document(_KIND, _KEY).get("muted"))
        except NotThereError:
            return False

    def turn(self, *, on: bool, by: str) -> None:
        """Raises StorageError."""
        self._registry.put(_KIND, _KEY, {"muted": on}, by=by)
