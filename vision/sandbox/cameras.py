"""Simulated street cameras: a folder of clips served over real RTSP, in this process or as one of its own."""

import asyncio
import contextlib
import logging
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import quote

import typer
from aio_rtsp_toolkit import server as rtsp_server

from vision.core.errors import NotThereError
from vision.sandbox.camera_footage import demo_clip

_SUFFIXES = {".mp4", ".mkv", ".mov"}


class CameraServer:
    """Serves every clip of a folder as one endless RTSP camera, from a thread of its own.

    Each client gets the clip from its beginning, at its own pace, with RTCP sender reports.
    """

    def __init__(self, folder: Path, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.folder, self.host, self.port = folder, host, port
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to serve; `port` is the real one afterwards, and the same again after a stop.

        Raises:
            NotThereError: the folder is missing or the port is taken.
        """
        if not self.folder.is_dir():
            raise NotThereError(f"no folder of clips at {self.folder}")
        if self.port == 0:
            self.port = free_port(self.host)
        started = threading.Event()
        failures: list[OSError] = []
        self._thread = threading.Thread(
            target=self._serve, args=(started, failures), name="sandbox-cameras", daemon=True
        )
        self._thread.start()
        started.wait()
        if failures:
            self._thread.join()
            self._thread = None
            raise NotThereError(
                f"the simulated cameras cannot listen on {self.host}:{self.port}: {failures[0].strerror}"
            )

    def url(self, clip: Path | str) -> str:
        return f"rtsp://{self.host}:{self.port}/{quote(Path(clip).name)}/play_count_0"

    def stop(self) -> None:
        """Cut every client off at once, as a camera that loses power does."""
        if self._thread is None or self._loop is None:
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._thread = self._loop = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def _serve(self, started: threading.Event, failures: list[OSError]) -> None:
        rtsp_server.logger = logging.getLogger("vision.sandbox.cameras")
        rtsp_server.logger.setLevel(logging.ERROR)
        loop = self._loop = asyncio.new_event_loop()
        # One reader a client is busy as long as it plays: the default pool (cores + 4) would starve the others.
        readers = ThreadPoolExecutor(max_workers=256, thread_name_prefix="sandbox-reader")
        loop.set_default_executor(readers)
        server = rtsp_server.RtspServer(str(self.folder), self.host, self.port)
        try:
            loop.run_until_complete(server.start())
            started.set()
            loop.run_forever()
        except OSError as error:
            failures.append(error)
        finally:
            loop.run_until_complete(_wind_up(server))
            loop.close()
            readers.shutdown(wait=True)
            started.set()


async def _wind_up(server: rtsp_server.RtspServer) -> None:
    """Cancel what clients' tasks still run, so that the port and every connection are free."""
    if server._server is not None:  # noqa: SLF001 - its close() would wait for clients to leave by themselves
        server._server.close()  # noqa: SLF001
    # asyncio's own stream callback complains about every connection that is cut.
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks, return_exceptions=True)


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port nobody listens on now."""
    with socket.create_server((host, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def clips_in(folder: Path) -> list[Path]:
    """The clips of a folder, by name.

    Raises:
        NotThereError: none.
    """
    found = sorted(path for path in folder.glob("*") if path.suffix.lower() in _SUFFIXES and ".part" not in path.name)
    if not found:
        raise NotThereError(f"no clip ({', '.join(sorted(_SUFFIXES))}) in {folder}")
    return found


def main(
    footage: Annotated[Path | None, typer.Option(help="folder of own clips; the demo's bicycle otherwise")] = None,
    cache: Annotated[Path, typer.Option(help="where the demo clip is kept")] = Path("var/demo"),
    host: Annotated[str, typer.Option()] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one")] = 8554,
) -> None:
    """Serve simulated cameras until interrupted; prints one URL a clip."""
    folder = footage or cache
    try:
        if footage is None:
            demo_clip(cache)
        server = CameraServer(folder, host=host, port=port)
        clips = clips_in(folder)
        server.start()
    except NotThereError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(error.exit_code) from None
    for clip in clips:
        typer.echo(server.url(clip))
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    finally:
        server.stop()


if __name__ == "__main__":
    typer.run(main)
