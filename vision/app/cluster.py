"""`vision cluster`: workers on Ray."""

import threading
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from vision.app.up import require_redis, stop_on_signals
from vision.app.worker import require_model, serve
from vision.cluster.fleet import Fleet
from vision.config.schema import load
from vision.core.errors import ConfigError

log = structlog.get_logger()


def run_cluster(config_path: Path, *, workers: int, address: str | None, cpus: float, gpus: float) -> None:
    """Until SIGTERM or Ctrl-C.

    Raises:
        ConfigError: no `redis:` in the configuration.
        NotThereError: Redis, the model, or Ray is not there.
    """
    city = load(config_path)
    if city.redis is None:
        raise ConfigError("a cluster needs `redis:` in the configuration, where its workers meet the hub")
    require_redis(city.redis)
    require_model(city)
    names = [f"worker-{number}" for number in range(1, workers + 1)]
    path = str(config_path.resolve())
    fleet = Fleet(
        partial(_serve, path, city.redis),
        names,
        city=_place(city.redis),
        setup=f"{path}\n{city.model_dump_json()}",
        cpus=cpus,
        gpus=gpus,
    )
    try:
        fleet.start(address)
        stop_on_signals().wait()  # only now: joining a cluster replaces handlers by Ray's, which exit
    finally:
        fleet.stop()


def _place(redis_url: str) -> str:
    """What tells cities apart, since leases lie there: host, port and number of the Redis, whatever the password."""
    parts = urlsplit(redis_url)
    return f"{parts.hostname}:{parts.port or 6379}/{parts.path.strip('/') or 0}"


def _serve(config_path: str, redis_url: str, name: str, stop: threading.Event) -> None:
    serve(Path(config_path), redis_url, name, stop)
