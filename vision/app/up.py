"""`vision up`: the hub in this process, a worker beside it, an embedded Valkey under both."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import structlog

from vision.app.hub import RunningHub, hub
from vision.app.worker import require_model
from vision.config.schema import CityConfig, load
from vision.core.clock import SystemClock
from vision.core.errors import ConfigError, NotThereError, StorageError
from vision.processes import Child, DataLock, require_port
from vision.storage.board import Board
from vision.storage.valkey import EmbeddedValkey

log = structlog.get_logger()


def run_up(config_path: Path) -> None:
    """Everything on one machine until SIGTERM or Ctrl-C; raises as `everything` does."""
    stop = stop_on_signals()
    with everything(load(config_path), config_path) as running:
        print(f"Streetward: {running.url}  (Ctrl-C ends it)", flush=True)  # noqa: T201 - what a person needs to know
        stop.wait()


def run_hub(config_path: Path) -> None:
    """`vision hub`: the hub alone; its workers run elsewhere and meet it on Redis."""
    stop = stop_on_signals()
    city = load(config_path)
    if city.redis is None:
        raise ConfigError("a hub of its own needs `redis:` in the configuration (vision up brings its own)")
    require_redis(city.redis)
    with locked(city), hub(city, city.redis):
        stop.wait()


@contextmanager
def everything(city: CityConfig, config_path: Path, *, log_level: str = "info") -> Iterator[RunningHub]:
    """Hub, worker and, where no Redis is named, Valkey; ended in order.

    Raises:
        NotThereError: the port is taken, the data folder is in use, a model or server is not there.
        StorageError: the database, the evidence folder or Valkey does not start.
    """
    # A worker that cannot start would be restarted for ever: what it needs is checked before anything runs.
    require_port(city.server.host, city.server.port)
    with ExitStack() as stack:
        stack.enter_context(locked(city))
        require_model(city)
        redis_url = city.redis
        if redis_url is not None:
            require_redis(redis_url)
        else:
            valkey = EmbeddedValkey(city.data / "valkey")
            valkey.start()
            stack.callback(valkey.stop)
            redis_url = valkey.url
        running = stack.enter_context(hub(city, redis_url))
        arguments = ["vision", "worker", "--config", str(config_path.resolve()), "--log-level", log_level]
        environment = {**os.environ, "STREETWARD_REDIS": redis_url}  # noqa: TID251 - handed on, not read
        worker = Child("worker", arguments, SystemClock(), environment=environment)
        worker.start()
        stack.callback(worker.stop)
        yield running


def require_redis(url: str) -> None:
    """Raises NotThereError when no Redis answers there."""
    board = Board(url)
    try:
        board.registry_version()
    except StorageError as error:
        raise NotThereError(str(error)) from error
    finally:
        board.close()


@contextmanager
def locked(city: CityConfig) -> Iterator[None]:
    """The data folder for this hub alone."""
    lock = DataLock(city.data)
    lock.take()
    try:
        yield
    finally:
        lock.release()


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM and Ctrl-C set; a second Ctrl-C within the shutdown changes nothing."""
    stop = threading.Event()

    def ask(_number: int, _frame: object) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)
    return stop
