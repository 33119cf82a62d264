"""Evidence files in a folder or in S3, through obstore; a key once written never changes."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from vision.core.errors import NotThereError, StorageError
from vision.core.registry import redact_url

_LIMITS: dict[str, Any] = {
    # Whoever writes has something better to do than to wait three minutes, which is what the library would do.
    "retry_config": {"max_retries": 2, "retry_timeout": timedelta(seconds=4)},
}


class ObjectBlobs:
    """`file:///var/lib/streetward/evidence` or `s3://bucket/prefix` (credentials from the usual AWS settings)."""

    def __init__(self, url: str, **options: Any) -> None:
        """Raises StorageError when the folder or bucket cannot be used."""
        from obstore.exceptions import BaseError
        from obstore.store import from_url

        self._error = BaseError
        self.url = url
        try:
            if url.startswith("file://"):
                Path(url.removeprefix("file://")).mkdir(parents=True, exist_ok=True)
            limits = {} if url.startswith("file://") else _LIMITS
            self._store = from_url(url, **{**limits, **options})
        except (BaseError, OSError) as error:
            raise StorageError(f"evidence store {redact_url(url)}: {error}") from error

    def put(self, key: str, data: bytes, *, media_type: str) -> None:
        from obstore.exceptions import AlreadyExistsError

        try:
            self._create(key, data, {"Content-Type": media_type} if not self.url.startswith("file://") else None)
        except AlreadyExistsError:
            return
        except self._error as error:
            raise StorageError(f"evidence store {redact_url(self.url)}: {key}: {error}") from error

    def _create(self, key: str, data: bytes, attributes: dict[str, str] | None) -> None:
        from obstore.exceptions import NotSupportedError

        try:
            self._store.put(key, data, mode="create", attributes=attributes)
        except NotSupportedError:  # a store without conditional writes
            if not self.exists(key):
                self._store.put(key, data, attributes=attributes)

    def get(self, key: str) -> bytes:
        try:
            return bytes(self._store.get(key).bytes())
        except FileNotFoundError as error:
            raise NotThereError(f"evidence {key} is not there") from error
        except self._error as error:
            raise StorageError(f"evidence store {redact_url(self.url)}: {key}: {error}") from error

    def exists(self, key: str) -> bool:
        try:
            self._store.head(key)
        except FileNotFoundError:
            return False
        except self._error as error:
            raise StorageError(f"evidence store {redact_url(self.url)}: {key}: {error}") from error
        return True

    def listed(self) -> Iterator[tuple[str, int]]:
        """Every key with its size in bytes; raises StorageError."""
        try:
            for batch in self._store.list():
                for entry in batch:
                    yield entry["path"], entry["size"]
        except self._error as error:
            raise StorageError(f"evidence store {redact_url(self.url)}: {error}") from error

    def delete(self, key: str) -> None:
        try:
            self._store.delete(key)
        except FileNotFoundError:
            return
        except self._error as error:
            raise StorageError(f"evidence store {redact_url(self.url)}: {key}: {error}") from error
