"""A network between browser and service that is slow, or stops without saying so."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from types import TracebackType
from urllib.parse import urlsplit

_CHUNK_BYTES = 2048
_TURN_S = 0.05


class SlowLink:
    """Listens on a port of its own and hands everything on, downwards at a set pace.

    Attributes:
        url: what the browser opens instead.
        bytes_per_s: how much comes through, to each connection; 0: nothing more, and nobody is
            told.
    """

    def __init__(self, url: str, bytes_per_s: float) -> None:
        """Stand before the service at ``url``."""
        self.bytes_per_s = bytes_per_s
        address = urlsplit(url)
        self._service = (address.hostname or "", address.port or 80)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._ended = threading.Event()
        self._sockets: list[socket.socket] = [self._listener]
        self._threads: list[threading.Thread] = []
        self._begin(self._accept)

    def close(self) -> None:
        """End every connection; all threads have ended when this returns."""
        self._ended.set()
        for each in self._sockets:
            with suppress(OSError):  # it was over already
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> SlowLink:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _begin(self, work: object, *args: object) -> None:
        thread = threading.Thread(target=work, args=args, name="slow link")  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                browser, _ = self._listener.accept()
                service = socket.create_connection(self._service)
            except OSError:
                return
            for end in (browser, service):
                # Small buffers: what the pace holds back must not look as if it had arrived.
                end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
                self._sockets.append(end)
            self._begin(self._hand_on, browser, service, False)
            self._begin(self._hand_on, service, browser, True)

    def _hand_on(self, source: socket.socket, target: socket.socket, paced: bool) -> None:
        try:
            while data := self._some(source, paced):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            return

    def _some(self, source: socket.socket, paced: bool) -> bytes:
        while paced and self.bytes_per_s <= 0 and not self._ended.is_set():
            time.sleep(_TURN_S)
        data = source.recv(_CHUNK_BYTES)
        if paced and self.bytes_per_s > 0:
            self._ended.wait(len(data) / self.bytes_per_s)
        return data
