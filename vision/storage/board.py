"""What hub and workers tell each other besides findings: the camera list, health, and who is being watched."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import redis

from vision.core.errors import StorageError
from vision.core.registry import redact_url

_PREFIX = "streetward:"
_LOOK_KEPT_S = 60
_SILENT_S = 5.0  # a worker that said nothing for so long is dead
_PATIENCE_S = 4.0  # a server that was cut off is given up before a worker would be thought dead


class Board:
    """A few keys in Redis. Small, overwritten, never a queue.

    `registry` the cameras as workers need them, with a version; `health` one record per camera; `watched` the cameras
    whose current picture somebody is looking at, each until a time; `look:<camera>` that picture (JPEG); `memory`
    what a view's analyser needs after a restart; `workers` what each worker said last, and `alive:<worker>` for as
    long as that is fresh; `assignment` which worker looks at which cameras; `model` the one workers should look with
    and `models` what each does look with; `wanted` cameras that a re-check needs a look of; `held` PTZ cameras that a
    person is turning, each until a time; `boosted` cameras with incidents under way;
    `references` by `camera/view` the picture that looks are compared with (JPEG, small); `accepted` the views whose new
    picture a person took for right.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = redis.Redis.from_url(url, socket_timeout=_PATIENCE_S, socket_connect_timeout=_PATIENCE_S)

    def time(self) -> datetime:
        """The server's clock: the common time of all that meet here."""
        with self._telling():
            answer: Any = self._client.time()
            seconds, microseconds = answer
            return datetime.fromtimestamp(seconds + microseconds / 1e6, UTC)

    def post_registry(self, version: int, document: Mapping[str, Any]) -> None:
        with self._telling():
            body = json.dumps({"version": version, "document": document}, ensure_ascii=False)
            pipe = self._client.pipeline()
            pipe.set(_PREFIX + "registry", body)
            pipe.set(_PREFIX + "registry_version", version)
            pipe.execute()

    def registry_version(self) -> int | None:
        with self._telling():
            value: Any = self._client.get(_PREFIX + "registry_version")
            return None if value is None else int(value)

    def registry(self) -> dict[str, Any] | None:
        with self._telling():
            body: Any = self._client.get(_PREFIX + "registry")
            return None if body is None else dict(json.loads(body)["document"])

    def post_health(
        self,
        worker: str,
        cameras: Mapping[str, Mapping[str, Any]],
        *,
        at: str,
        capacity: float = 1.0,
        patrol: Mapping[str, Any] | None = None,
        load: Mapping[str, Any] | None = None,
    ) -> None:
        """`at`: ISO time; readers call a camera `unwatched` when it grows old. `capacity`: see cluster.shares.

        `patrol`: how well the worker's rounds keep their targets; None where it has none. `load`: what waits behind it.
        """
        with self._telling():
            pipe = self._client.pipeline(transaction=False)
            rows = {key: json.dumps({**value, "worker": worker, "at": at}) for key, value in cameras.items()}
            if rows:
                pipe.hset(_PREFIX + "health", mapping=rows)  # type: ignore[arg-type]
            row = json.dumps({"at": at, "cameras": len(cameras), "capacity": capacity, "patrol": patrol, "load": load})
            pipe.hset(_PREFIX + "workers", worker, row)
            pipe.set(f"{_PREFIX}alive:{worker}", 1, px=int(_SILENT_S * 1000))
            pipe.execute()

    def post_life(self, worker: str) -> None:
        """The sign alone: a worker whose turns take long is not a dead one."""
        with self._telling():
            self._client.set(f"{_PREFIX}alive:{worker}", 1, px=int(_SILENT_S * 1000))

    def health(self) -> dict[str, dict[str, Any]]:
        with self._telling():
            rows: Any = self._client.hgetall(_PREFIX + "health")
            return {key.decode(): json.loads(value) for key, value in rows.items()}

    def workers(self) -> dict[str, dict[str, Any]]:
        """What each worker last said of itself, and under `alive` whether it said so within the last seconds."""
        with self._telling():
            rows: Any = self._client.hgetall(_PREFIX + "workers")
            names = sorted(key.decode() for key in rows)
            alive: Any = self._client.mget([f"{_PREFIX}alive:{name}" for name in names]) if names else []
            return {
                name: {**json.loads(rows[name.encode()]), "alive": sign is not None}
                for name, sign in zip(names, alive, strict=True)
            }

    def leave(self, worker: str) -> None:
        """A worker that ends of itself need not be found dead first."""
        with self._telling():
            pipe = self._client.pipeline()
            pipe.delete(f"{_PREFIX}alive:{worker}")
            pipe.hdel(_PREFIX + "workers", worker)
            pipe.execute()

    def forget_worker(self, worker: str) -> None:
        with self._telling():
            self._client.hdel(_PREFIX + "workers", worker)

    def forget_health(self, camera_ids: Iterable[str]) -> None:
        ids = list(camera_ids)
        if ids:
            with self._telling():
                self._client.hdel(_PREFIX + "health", *ids)

    def watch(self, camera_id: str, *, until_s: float) -> None:
        """Ask for the camera's current pictures until `until_s` (Unix seconds)."""
        with self._telling():
            self._client.zadd(_PREFIX + "watched", {camera_id: until_s}, gt=True)

    def watched(self, *, now_s: float) -> set[str]:
        with self._telling():
            pipe = self._client.pipeline(transaction=False)
            pipe.zremrangebyscore(_PREFIX + "watched", "-inf", now_s)
            pipe.zrange(_PREFIX + "watched", 0, -1)
            return {member.decode() for member in pipe.execute()[1]}

    def hold(self, camera_id: str, *, until_s: float) -> None:
        """Say that a person turns this camera until `until_s` (Unix seconds): its views are unknown meanwhile."""
        with self._telling():
            self._client.zadd(_PREFIX + "held", {camera_id: until_s})

    def release(self, camera_id: str) -> None:
        """The camera may go back to its views."""
        with self._telling():
            self._client.zrem(_PREFIX + "held", camera_id)

    def held(self, *, now_s: float) -> dict[str, float]:
        """Cameras that a person is turning, and until when (Unix seconds)."""
        with self._telling():
            pipe = self._client.pipeline(transaction=False)
            pipe.zremrangebyscore(_PREFIX + "held", "-inf", now_s)
            pipe.zrange(_PREFIX + "held", 0, -1, withscores=True)
            return {member.decode(): float(until_s) for member, until_s in pipe.execute()[1]}

    def post_look(self, camera_id: str, jpeg: bytes) -> None:
        with self._telling():
            self._client.set(f"{_PREFIX}look:{camera_id}", jpeg, ex=_LOOK_KEPT_S)

    def look(self, camera_id: str) -> bytes | None:
        """The newest picture asked for by `watch`, JPEG; None until a worker has posted one."""
        with self._telling():
            value: Any = self._client.get(f"{_PREFIX}look:{camera_id}")
            return value if value is None else bytes(value)

    def want_looks(self, until_s: Mapping[str, float]) -> None:
        """Ask for a look at each camera before its turn, at the latest by its time (Unix seconds)."""
        if until_s:
            with self._telling():
                self._client.zadd(_PREFIX + "wanted", dict(until_s))

    def take_wanted(self, camera_ids: Iterable[str], *, now_s: float) -> set[str]:
        """Those of our cameras that somebody wants a look at; each is told once."""
        ours = set(camera_ids)
        with self._telling():
            pipe = self._client.pipeline(transaction=False)
            pipe.zremrangebyscore(_PREFIX + "wanted", "-inf", now_s)
            pipe.zrange(_PREFIX + "wanted", 0, -1)
            found = {member.decode() for member in pipe.execute()[1]} & ours
            if found:
                self._client.zrem(_PREFIX + "wanted", *found)
            return found

    def boost(self, camera_ids: Iterable[str]) -> None:
        """Say which cameras have incidents under way, all of them: patrols visit them more often."""
        with self._telling():
            self._client.set(_PREFIX + "boosted", json.dumps(sorted(camera_ids)))

    def boosted(self) -> frozenset[str]:
        with self._telling():
            body: Any = self._client.get(_PREFIX + "boosted")
            return frozenset() if body is None else frozenset(json.loads(body))

    def assign(self, shares: Mapping[str, Iterable[str]]) -> None:
        """Say which worker looks at which cameras; workers left out of `shares` look at none."""
        with self._telling():
            pipe = self._client.pipeline()
            pipe.delete(_PREFIX + "assignment")
            rows: dict[Any, Any] = {worker: json.dumps(sorted(cameras)) for worker, cameras in shares.items()}
            pipe.hset(_PREFIX + "assignment", mapping={"": "[]", **rows})
            pipe.execute()

    def share(self, worker: str) -> frozenset[str] | None:
        """The worker's cameras; None when nobody assigns, and then every worker may look at any."""
        with self._telling():
            own, marker = self._client.hmget(_PREFIX + "assignment", [worker, ""])
            if marker is None:
                return None
            return frozenset(json.loads(own)) if own is not None else frozenset()

    def post_reference(self, key: str, jpeg: bytes) -> None:
        """What the view `camera/view` should show."""
        with self._telling():
            self._client.hset(_PREFIX + "references", key, jpeg)

    def reference(self, key: str) -> bytes | None:
        with self._telling():
            value: Any = self._client.hget(_PREFIX + "references", key)
            return value if value is None else bytes(value)

    def accept(self, key: str) -> None:
        """Tell the worker that has `camera/view` to take what it shows now for right."""
        with self._telling():
            self._client.sadd(_PREFIX + "accepted", key)

    def take_accepted(self, camera_ids: Iterable[str]) -> set[str]:
        """Those accepted views that are of our cameras; each is told once."""
        ours = set(camera_ids)
        with self._telling():
            members: Any = self._client.smembers(_PREFIX + "accepted")
            found = {key for key in (member.decode() for member in members) if key.partition("/")[0] in ours}
            if found:
                self._client.srem(_PREFIX + "accepted", *found)
            return found

    def post_memory(self, records: Mapping[str, Mapping[str, Any]]) -> None:
        """What a view's analyser has to remember over a restart, by `camera/view`."""
        if records:
            with self._telling():
                rows = {key: json.dumps(record, separators=(",", ":")) for key, record in records.items()}
                self._client.hset(_PREFIX + "memory", mapping=rows)  # type: ignore[arg-type]

    def memory(self, key: str) -> dict[str, Any] | None:
        with self._telling():
            body: Any = self._client.hget(_PREFIX + "memory", key)
            return None if body is None else dict(json.loads(body))

    def want_model(self, name: str, number: int) -> None:
        """Say which model workers should look with; `number` differs from wish to wish."""
        with self._telling():
            self._client.set(_PREFIX + "model", json.dumps({"name": name, "number": number}))

    def wanted_model(self) -> dict[str, Any] | None:
        with self._telling():
            body: Any = self._client.get(_PREFIX + "model")
            return None if body is None else dict(json.loads(body))

    def post_model(self, worker: str, record: Mapping[str, Any]) -> None:
        """What a worker looks with: `model`, `version`, `wanted`, `state`, `reason`, `at`, and its `shadow` if any."""
        with self._telling():
            self._client.hset(_PREFIX + "models", worker, json.dumps(record))

    def models(self) -> dict[str, dict[str, Any]]:
        """By worker, as `post_model` told it."""
        with self._telling():
            rows: Any = self._client.hgetall(_PREFIX + "models")
            return {key.decode(): json.loads(value) for key, value in rows.items()}

    def close(self) -> None:
        self._client.close()

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except redis.RedisError as error:
            raise StorageError(f"Redis {redact_url(self._url)}: {error}") from error
