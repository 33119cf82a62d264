"""A slow wire: a TCP proxy that holds back every piece of what passes, both ways, for as long as it is told."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from vision.core.clock import SystemClock

_PIECE = 65536


class SlowWire:
    """One port in front of another; `delay_s` may change while connections stand."""

    def __init__(self, port: int) -> None:
        self._target, self._clock = port, SystemClock()
        self._stopping = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self.port = int(self._listener.getsockname()[1])
        self.delay_s = 0.0

    def start(self) -> None:
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        self._stopping.set()
        for each in (self._listener, *self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                here, _address = self._listener.accept()
                there = socket.create_connection(("127.0.0.1", self._target), timeout=5)
            except OSError:
                continue
            there.settimeout(None)
            self._open |= {here, there}
            for pair in ((here, there), (there, here)):
                threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(_PIECE):
                if self.delay_s:
                    self._clock.sleep(self.delay_s, self._stopping)
                sink.sendall(piece)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
            self._open.discard(each)


@contextmanager
def slow_wire(port: int) -> Iterator[SlowWire]:
    wire = SlowWire(port)
    wire.start()
    try:
        yield wire
    finally:
        wire.stop()
