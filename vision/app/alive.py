"""Whether a hub or a worker that runs elsewhere is alive: what health checks of containers ask."""

from datetime import datetime

import httpx

from vision.core.clock import Clock
from vision.core.errors import NotThereError, StreetwardError
from vision.storage.board import Board

SILENT_S = 30.0
_ANSWER_S = 5.0


def hub_alive(url: str) -> str:
    """One sentence; raises StreetwardError when the hub at `url` does not answer its `/healthz`."""
    try:
        status = httpx.get(f"{url.rstrip('/')}/healthz", timeout=_ANSWER_S).status_code
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise StreetwardError(f"hub {url}: {error}") from error
    if status != httpx.codes.OK:
        raise StreetwardError(f"hub {url}: answers {status}")
    return f"hub {url}: alive"


def worker_alive(redis_url: str, name: str, clock: Clock) -> str:
    """One sentence; its last health record must be younger than `SILENT_S`.

    Raises:
        StreetwardError: it is silent or never was heard of.
        StorageError: Redis is away, which is no fault of the worker's but as good a reason to look.
    """
    board = Board(redis_url)
    try:
        rows = board.workers()
    finally:
        board.close()
    row = rows.get(name)
    if row is None:
        raise NotThereError(f"no worker {name} has reported; those that have: {', '.join(sorted(rows)) or 'none'}")
    silent_s = (clock.now() - datetime.fromisoformat(row["at"])).total_seconds()
    if silent_s > SILENT_S:
        raise StreetwardError(f"worker {name}: silent for {silent_s:.0f} s")
    return f"worker {name}: alive, {row['cameras']} cameras"
