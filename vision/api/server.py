"""Runs the application in a thread of this process and ends it without waiting for open streams."""

import socket
import threading
from typing import Any

import structlog
import uvicorn

from vision.alerts.feed import AlertFeed
from vision.core.errors import NotThereError

log = structlog.get_logger()


class ApiServer:
    """`start` returns once the port is bound; `stop` ends streams first, then the server, within seconds."""

    def __init__(self, app: Any, feed: AlertFeed, *, host: str = "127.0.0.1", port: int = 8000) -> None:
        """`port` 0 takes a free one; read it from `port` after `start`."""
        self._app, self._feed, self._host, self.port = app, feed, host, port
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Bind and serve.

        Raises:
            NotThereError: the port is in use or may not be bound.
        """
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        bound = socket.socket(family, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((self._host, self.port))
            bound.listen(2048)  # from here on callers wait instead of being refused
        except OSError as error:
            bound.close()
            raise NotThereError(f"cannot listen on {self._host}:{self.port}: {error.strerror}") from error
        self.port = bound.getsockname()[1]
        config = uvicorn.Config(
            self._app,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=2,
            proxy_headers=False,
            server_header=False,
            ws="websockets-sansio",
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([bound],), name="api", daemon=True)
        self._thread.start()
        log.info("api_started", host=self._host, port=self.port)

    def stop(self) -> None:
        if self._server is None or self._thread is None:
            return
        self._feed.stop()
        self._server.should_exit = True
        self._thread.join(6)
        if self._thread.is_alive():
            self._server.force_exit = True
            self._thread.join(2)
        log.info("api_stopped")
