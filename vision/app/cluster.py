"""`vision cluster`: workers on Ray."""

import threading
from functools import partial
from pathlib import Path

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
    fleet = Fleet(partial(_serve, str(config_path.resolve()), city.redis), names, cpus=cpus, gpus=gpus)
    try:
        fleet.start(address)
        stop_on_signals().wait()  # only now: joining a cluster replaces handlers by Ray's, which exit
    finally:
        fleet.stop()


def _serve(config_path: str, redis_url: str, name: str, stop: threading.Event) -> None:

    serve(Path(config_path), redis_url, name, stop)
