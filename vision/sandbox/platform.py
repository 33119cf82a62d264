"""An honest stand-in for a city's case platform: real HTTP, its own record, its own desk, its own faults.

`python -m vision.sandbox.platform --port 8311` runs it; tests and the demo run it inside their own process.
"""

import argparse
import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException, Request

from vision.core.clock import Clock, SystemClock
from vision.core.errors import NotThereError
from vision.sandbox.platform_callbacks import Callbacks
from vision.sandbox.platform_cases import SandboxCases
from vision.sandbox.platform_desk import desk_router
from vision.sandbox.platform_faults import FaultGate, Faults
from vision.sandbox.platform_open311 import Open311Desk, open311_router
from vision.sandbox.platform_tls import certificate
from vision.sandbox.platform_urban import urban_router
from vision.sandbox.platform_webhook import webhook_router

SECRET = "sandbox-secret"  # noqa: S105 - the sandbox's own, known to everyone
API_KEY = "sandbox-key"


@dataclass(slots=True)
class SandboxPlatform:
    """The platform's parts, for whoever runs it in process.

    Attributes:
        callback_url: where status changes are posted, signed; empty sends none.
    """

    cases: SandboxCases = field(default_factory=SandboxCases)
    faults: Faults = field(default_factory=Faults)
    clock: Clock = field(default_factory=SystemClock)
    secret: str = SECRET
    api_key: str = API_KEY
    callback_url: str = ""
    seed: int | None = None
    pictures: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    callbacks: Callbacks = field(init=False)
    open311: Open311Desk = field(init=False)

    def __post_init__(self) -> None:
        self.open311 = Open311Desk(self.cases, self.faults, self.clock, self.api_key)
        self.callbacks = Callbacks(self.callback_url, self.secret, self.clock, self.faults)

    def app(self) -> FastAPI:
        app = FastAPI(title="Streetward sandbox city platform", docs_url=None, redoc_url=None)
        app.include_router(webhook_router(self.cases, self.faults, self.clock, self.secret, self.pictures))
        app.include_router(open311_router(self.open311))
        app.include_router(urban_router(self.cases, self.faults, self.clock, self.api_key))
        app.include_router(desk_router(self.cases, self.clock, self.pictures, self.callbacks.tell))
        app.add_middleware(FaultGate, faults=self.faults, chance=random.Random(self.seed))

        @app.get("/healthz")
        async def healthz() -> dict[str, Any]:
            return {"cases": self.cases.count()}

        @app.get("/sandbox/faults")
        async def show_faults() -> dict[str, Any]:
            return self.faults.to_record()

        @app.put("/sandbox/faults")
        async def set_faults(request: Request) -> dict[str, Any]:
            try:
                self.faults.change(await request.json())
            except (ValueError, AttributeError) as error:
                raise HTTPException(400, str(error)) from error
            return self.faults.to_record()

        return app

    @contextmanager
    def serve(self, host: str = "127.0.0.1", port: int = 0, **options: Any) -> Iterator[str]:
        """Serve on a thread of this process; yields the base URL.

        Raises:
            NotThereError: the port is in use, or the server did not come up.
        """
        listener = listen(host, port)
        config = uvicorn.Config(self.app(), log_level="critical", lifespan="off", **options)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), name="sandbox-platform", daemon=True)
        thread.start()
        waited = threading.Event()
        for _ in range(500):
            if server.started or not thread.is_alive():
                break
            waited.wait(0.01)
        if not server.started:
            raise NotThereError("the sandbox platform did not come up")
        scheme = "https" if config.is_ssl else "http"
        try:
            yield f"{scheme}://{host}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=5)
            self.callbacks.close()
            listener.close()


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; raises NotThereError when the port is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise NotThereError(f"sandbox platform: {host}:{port}: {error.strerror}") from error
    return listener


def main(argv: list[str] | None = None) -> None:
    """Run the platform until it is interrupted."""
    parser = argparse.ArgumentParser(prog="vision sandbox platform", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8311)
    parser.add_argument("--file", type=Path, default=None, help="SQLite file that keeps its cases; memory if unset")
    parser.add_argument("--secret", default=SECRET, help="key of signed messages in both directions")
    parser.add_argument("--callback", default="", metavar="URL", help="where status changes are posted")
    parser.add_argument("--tls", choices=["good", "expired"], help="HTTPS, with a certificate in the current folder")
    args = parser.parse_args(argv)
    platform = SandboxPlatform(cases=SandboxCases(args.file), secret=args.secret, callback_url=args.callback)
    listener = listen(args.host, args.port)
    tls: dict[str, Any] = {}
    if args.tls:
        age = timedelta(days=400) if args.tls == "expired" else timedelta()
        made = certificate(Path.cwd(), platform.clock.now() - age, timedelta(days=365))
        tls = {"ssl_certfile": str(made.certificate), "ssl_keyfile": str(made.key)}
    config = uvicorn.Config(platform.app(), log_level="warning", lifespan="off", **tls)
    try:
        uvicorn.Server(config).run([listener])
    finally:
        platform.callbacks.close()
        platform.cases.close()


if __name__ == "__main__":
    main()
