"""The city's cameras, read from the registry only when it has changed: pages ask for thousands of them every second."""

import threading

from vision.api.services import RegistryStore
from vision.core.errors import NotThereError
from vision.core.registry import Camera


class Fleet:
    """Cameras by id as of the registry's present version."""

    def __init__(self, registry: RegistryStore) -> None:
        self._registry = registry
        self._version = -1
        self._cameras: dict[str, Camera] = {}
        self._lock = threading.Lock()

    def cameras(self) -> dict[str, Camera]:
        """All of them; not to be changed. Raises StorageError."""
        with self._lock:
            version = self._registry.version()
            if version != self._version:
                self._cameras, self._version = self._registry.cameras(), version
            return self._cameras

    def camera(self, camera_id: str) -> Camera:
        """Raises NotThereError, StorageError."""
        try:
            return self.cameras()[camera_id]
        except KeyError:
            raise NotThereError(f"there is no camera {camera_id}") from None
