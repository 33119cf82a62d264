"""What can go wrong at a city platform, switched on by hand: the sandbox misbehaves as real ones do."""

import asyncio
import random
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_GUARDED = ("/webhook", "/open311", "/urban")


@dataclass(slots=True)
class Faults:
    """The switches. Shares are chances in 0–1 for each call.

    Attributes:
        down: every call is answered 503 with Retry-After.
        fail_share: answered `fail_status` without doing anything.
        lose_answer_share: does what it was asked, then hangs up without an answer (time-out after accept).
        hang_share, hang_s: does what it was asked, then answers only after so long.
        malformed_share: does what it was asked, then answers something broken.
        refuse: words with which every new case is refused for good; empty refuses none.
        duplicates: lists show each case twice and callbacks come twice.
        clock_skew_s: its clock against true time.
        honours_idempotency: the same key makes one case; a platform without makes one a call.
        lists: it can be asked for a reference.
    """

    down: bool = False
    retry_after_s: int = 1
    fail_share: float = 0.0
    fail_status: int = 500
    lose_answer_share: float = 0.0
    hang_share: float = 0.0
    hang_s: float = 30.0
    slow_s: float = 0.0
    malformed_share: float = 0.0
    refuse: str = ""
    duplicates: bool = False
    clock_skew_s: float = 0.0
    honours_idempotency: bool = True
    lists: bool = True

    def change(self, values: dict[str, Any]) -> None:
        """Set the named switches.

        Raises:
            ValueError: no such switch, or a value of the wrong type.
        """
        kinds = {field.name: type(getattr(type(self)(), field.name)) for field in fields(self)}
        for name, value in values.items():
            kind = kinds.get(name)
            if kind is None:
                raise ValueError(f"there is no switch {name}; there are {', '.join(sorted(kinds))}")
            if kind is float and isinstance(value, int) and not isinstance(value, bool):
                value = float(value)  # noqa: PLW2901 - JSON has one kind of number
            if type(value) is not kind:
                raise ValueError(f"{name} should be a {kind.__name__}, got {value!r}")
        for name, value in values.items():
            setattr(self, name, kinds[name](value))

    def to_record(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, **values: Any) -> Self:
        faults = cls()
        faults.change(values)
        return faults


class FaultGate:
    """ASGI middleware that lets calls to the platform's interfaces fail as `faults` says."""

    def __init__(self, app: ASGIApp, faults: Faults, chance: random.Random) -> None:
        self._app = app
        self._faults = faults
        self._chance = chance

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(_GUARDED):
            await self._app(scope, receive, send)
            return
        faults, chance = self._faults, self._chance
        if faults.slow_s:
            await asyncio.sleep(faults.slow_s)
        if faults.down:
            retry = [(b"retry-after", str(faults.retry_after_s).encode())]
            await _answer(send, 503, b"down for maintenance", retry)
            return
        if chance.random() < faults.fail_share:
            await _answer(send, faults.fail_status, b"something broke here")
            return
        sent: list[Message] = []

        async def keep(message: Message) -> None:
            sent.append(message)

        await self._app(scope, receive, keep)
        if scope["method"] == "POST":
            if chance.random() < faults.lose_answer_share:
                await _hang_up(send)
                return
            if chance.random() < faults.hang_share:
                await asyncio.sleep(faults.hang_s)
            if chance.random() < faults.malformed_share:
                await _answer(send, 200, b'{"case_id": ')
                return
        for message in sent:
            await send(message)


async def _answer(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]] | None = None) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [length, *(headers or [])]})
    await send({"type": "http.response.body", "body": body})


async def _hang_up(send: Send) -> None:
    """Promise more than is sent, so that the server has to drop the connection."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
