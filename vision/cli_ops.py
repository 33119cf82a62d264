"""`vision alive`: commands of whoever keeps the machines running."""

from typing import Annotated

import typer

from vision.core.errors import ConfigError

Redis = Annotated[
    str | None, typer.Option("--redis", envvar="STREETWARD_REDIS", metavar="URL", help="Where the workers report.")
]


def alive(
    hub: Annotated[str | None, typer.Option(metavar="URL", help="A hub, such as http://127.0.0.1:8000.")] = None,
    worker: Annotated[
        str | None, typer.Option(envvar="STREETWARD_WORKER", metavar="NAME", help="A worker by its name.")
    ] = None,
    redis: Redis = None,
) -> None:
    """Say whether a hub or a worker is alive; for health checks. Exit code 0 when it is."""
    from vision.app.alive import hub_alive, worker_alive
    from vision.core.clock import SystemClock

    if hub is not None:
        print(hub_alive(hub))
    elif worker is not None and redis is not None:
        print(worker_alive(redis, worker, SystemClock()))
    else:
        raise ConfigError("say which: --hub URL, or --worker NAME and --redis URL")
