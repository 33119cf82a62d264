"""Workers as Ray actors: placed where resources are, restarted when they or their machine die."""

import hashlib
import re
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from vision import __version__
from vision.core.errors import NotThereError

log = structlog.get_logger()
_ANSWER_S = 5.0
_END_S = 10.0
_START_S = 30.0  # for how long a new worker is waited for before the next old one ends

RunWorker = Callable[[str, threading.Event], None]
"""Runs the worker of that name until the event is set; importable by name on every machine."""


class Fleet:
    """N workers on a Ray cluster. Ray's own part: placing, restarting, moving. Who looks at what is the assigner's.

    The actors are detached: they outlive a fleet that dies or is cut off, and the city's next one takes up those that
    are as it wants them and ends the others. A city has a Ray namespace of its own; an actor's name tells which worker
    it is and, by a digest, of what making.
    """

    def __init__(
        self, run: RunWorker, names: Sequence[str], *, city: str, setup: str = "", cpus: float = 1.0, gpus: float = 0.0
    ) -> None:
        """N workers, not yet started.

        Args:
            run: the worker.
            names: what the workers are called, each once.
            city: within which no two workers of one name may run; other cities may share the Ray cluster.
            setup: what the workers are made by, the configuration; they are replaced when it is another.
            cpus: what each worker takes of a machine.
            gpus: likewise; fractions of a GPU share it.
        """
        self._run, self._cpus, self._gpus = run, cpus, gpus
        making = _digest(f"{__version__}\n{cpus}\n{gpus}\n{setup}")
        self._names = {name: f"{name}@{making}" for name in names}
        self._namespace = f"streetward-{_digest(city)}"
        self._actors: dict[str, Any] = {}
        self._old: dict[str, Any] = {}
        self._joined = False

    def start(self, address: str | None = None) -> None:
        """Join the cluster at `address` (`auto` for this machine's), or begin one here; returns once no other runs.

        A worker's name owns its cameras' leases, so its old actor ends before the new one begins. They change places
        one by one, new names first and those no longer wanted last, so that others can look meanwhile.

        Raises:
            NotThereError: Ray is not installed, or no cluster answers.
        """
        ray = _ray()
        if not ray.is_initialized():
            _require_listener(address)
            try:
                ray.init(address=address, namespace=self._namespace, log_to_driver=True, configure_logging=False)
            except (ConnectionError, RuntimeError, ray.exceptions.RayError) as error:
                raise NotThereError(
                    f"no Ray cluster at {address} takes us (RAY_AUTH_MODE and RAY_AUTH_TOKEN as there?): {error}"
                ) from error
            self._joined = True
        self._old = {name: self._found(name) for name in self._listed() - set(self._names.values())}
        replaced = {name: [old for old in self._old if old.rpartition("@")[0] == name] for name in self._names}
        for name in sorted(self._names, key=lambda name: bool(replaced[name])):
            if replaced[name]:
                self._end_old(replaced[name])
            self._begin(name)
            if replaced[name]:
                ray.wait([self._actors[name].state.remote()], timeout=_START_S)
        self._end_old(list(self._old))
        log.info("fleet_started", workers=len(self._names))

    def _begin(self, name: str) -> None:
        """An actor that runs already is taken up."""
        self._actors[name] = (
            _ray()
            .remote(_WorkerActor)
            .options(
                name=self._names[name],
                namespace=self._namespace,
                lifetime="detached",
                get_if_exists=True,
                scheduling_strategy="SPREAD",  # one machine's loss shall cost as few workers as can be
                num_cpus=self._cpus,
                num_gpus=self._gpus,
                max_restarts=-1,
                max_task_retries=-1,
                max_concurrency=4,
            )
            .remote(self._run, name)
        )
        self._actors[name].begin.remote()

    def _listed(self) -> set[str]:
        """Names of the city's actors, those that wait for room or a restart too."""
        rows = _ray().util.list_named_actors(all_namespaces=True)
        return {row["name"] for row in rows if row["namespace"] == self._namespace}

    def _found(self, actor: str) -> Any:
        """None: it is gone by now."""
        try:
            return _ray().get_actor(actor, namespace=self._namespace)
        except ValueError:
            return None

    def _end_old(self, names: Sequence[str]) -> None:
        """Returns when Ray knows them to be gone."""
        if not names:
            return
        _end([handle for name in names if (handle := self._old[name]) is not None])
        until = time.monotonic() + _END_S
        while self._listed().intersection(names) and time.monotonic() < until:
            time.sleep(0.05)
        for name in names:
            del self._old[name]
        log.info("old_workers_ended", actors=sorted(names))

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
        _end([*self._actors.values(), *(handle for handle in self._old.values() if handle is not None)])
        self._actors, self._old = {}, {}
        if self._joined:
            _ray().shutdown()
            self._joined = False


def _end(actors: Sequence[Any]) -> None:
    """Kindly, then by force."""
    if not actors:
        return
    ray = _ray()
    asked = [actor.end.remote() for actor in actors]
    ray.wait(asked, num_returns=len(asked), timeout=_END_S)
    for actor in actors:
        ray.kill(actor)


class _WorkerActor:
    """One worker in a Ray process. `begin` returns at once; a restarted actor begins again by itself."""

    def __init__(self, run: RunWorker, name: str) -> None:
        self._run, self._name = run, name
        self._lock = threading.Lock()  # Ray calls on several threads
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.begin()

    def begin(self) -> None:
        """Run, again too where a fleet died between `end` and the kill; what still ends is waited for first."""
        with self._lock:
            if self._thread is not None and self._thread.is_alive() and not self._stop.is_set():
                return
            before, self._stop = self._thread, threading.Event()
            self._thread = threading.Thread(target=self._work, args=(self._stop, before), name=self._name, daemon=True)
            self._thread.start()

    def state(self) -> dict[str, Any]:
        import os

        alive = self._thread is not None and self._thread.is_alive()
        return {"pid": os.getpid(), "machine": socket.gethostname(), "runs": alive}

    def end(self) -> None:
        with self._lock:
            self._stop.set()
            thread = self._thread
        if thread is not None:
            thread.join(8)

    def _work(self, stop: threading.Event, before: threading.Thread | None) -> None:
        """A worker that cannot go on ends its process, so that Ray starts another."""
        import os

        if before is not None:
            before.join()
        try:
            self._run(self._name, stop)
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
    except UnicodeError as error:  # by the encoding of host names
        raise NotThereError(f"no Ray cluster at {address}: not the name of a host") from error
    except OSError as error:
        raise NotThereError(f"no Ray cluster at {address}: {error.strerror or error}") from error


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise NotThereError("vision cluster needs Ray: pip install 'streetward[cluster]'") from error
    return ray
