"""Workers as Ray actors: placed where resources are, restarted when they or their machine die."""

import re
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from vision.core.errors import NotThereError

log = structlog.get_logger()
_ANSWER_S = 5.0

RunWorker = Callable[[str, threading.Event], None]
"""Runs the worker of that name until the event is set; importable by name on every machine."""


class Fleet:
    """N workers on a Ray cluster. Ray's own part: placing, restarting, moving. Who looks at what is the assigner's.

    The actors are detached: they outlive a fleet that dies or is cut off, and the next one takes them up.
    """

    def __init__(self, run: RunWorker, names: Sequence[str], *, cpus: float = 1.0, gpus: float = 0.0) -> None:
        """`cpus`, `gpus`: what each worker takes of a machine; fractions of a GPU share it."""
        self._run, self._names, self._cpus, self._gpus = run, tuple(names), cpus, gpus
        self._actors: dict[str, Any] = {}
        self._joined = False

    def start(self, address: str | None = None) -> None:
        """Join the cluster at `address` (`auto` for this machine's), or begin one here.

        Raises:
            NotThereError: Ray is not installed, or no cluster answers.
        """
        ray = _ray()
        if not ray.is_initialized():
            _require_listener(address)
            try:
                ray.init(address=address, namespace="streetward", log_to_driver=True, configure_logging=False)
            except (ConnectionError, RuntimeError, ray.exceptions.RayError) as error:
                raise NotThereError(
                    f"no Ray cluster at {address} takes us (RAY_AUTH_MODE and RAY_AUTH_TOKEN as there?): {error}"
                ) from error
            self._joined = True
        actor = ray.remote(_WorkerActor)
        for name in self._names:
            self._actors[name] = actor.options(
                name=name,
                lifetime="detached",
                get_if_exists=True,
                scheduling_strategy="SPREAD",  # one machine's loss shall cost as few workers as can be
                num_cpus=self._cpus,
                num_gpus=self._gpus,
                max_restarts=-1,
                max_task_retries=-1,
                max_concurrency=4,
            ).remote(self._run, name)
            self._actors[name].begin.remote()
        log.info("fleet_started", workers=len(self._names))

    def pids(self) -> dict[str, int]:
        """Process ids of the workers that answer."""
        return {name: row["pid"] for name, row in self.states().items()}

    def states(self, timeout_s: float = 5.0) -> dict[str, dict[str, Any]]:
        """What each worker that answers says of itself: its process, machine and whether it runs."""
        ray = _ray()
        asked = {actor.state.remote(): name for name, actor in self._actors.items()}
        ready, _late = ray.wait(list(asked), num_returns=len(asked), timeout=timeout_s)
        found = {}
        for reference in ready:
            try:
                found[asked[reference]] = ray.get(reference)
            except ray.exceptions.RayError as error:
                log.warning("worker_silent", worker=asked[reference], reason=type(error).__name__)
        return found

    def stop(self) -> None:
        """End the workers kindly: they give their leases back. Leaves the cluster if `start` joined it."""
        ray = _ray()
        if self._actors:
            asked = [actor.end.remote() for actor in self._actors.values()]
            ray.wait(asked, num_returns=len(asked), timeout=10)
            for actor in self._actors.values():
                ray.kill(actor)
            self._actors = {}
        if self._joined:
            ray.shutdown()
            self._joined = False


class _WorkerActor:
    """One worker in a Ray process. `begin` returns at once; a restarted actor begins again by itself."""

    def __init__(self, run: RunWorker, name: str) -> None:
        self._run, self._name = run, name
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.begin()

    def begin(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()

    def state(self) -> dict[str, Any]:
        import os

        alive = self._thread is not None and self._thread.is_alive()
        return {"pid": os.getpid(), "machine": socket.gethostname(), "runs": alive}

    def end(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(8)

    def _work(self) -> None:
        """A worker that cannot go on ends its process, so that Ray starts another."""
        import os

        try:
            self._run(self._name, self._stop)
        except Exception:  # a thread's top: told, and the process given up
            log.exception("worker_failed", worker=self._name)
            os._exit(1)


def _require_listener(address: str | None) -> None:
    """Ray itself tries for two minutes; raises NotThereError at once when nobody listens at HOST:PORT."""
    found = re.fullmatch(r"(?:ray://)?\[?([^\[\]/]+?)\]?:(\d+)", address or "")
    if found is None:
        return
    try:
        socket.create_connection((found[1], int(found[2])), timeout=_ANSWER_S).close()
    except OSError as error:
        raise NotThereError(f"no Ray cluster at {address}: {error.strerror or error}") from error


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise NotThereError("vision cluster needs Ray: pip install 'streetward[cluster]'") from error
    return ray
