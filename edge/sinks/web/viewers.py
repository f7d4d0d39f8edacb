"""Many viewers at once, from a process of their own, to see what they cost the line.

``python -m edge.sinks.web.viewers URL --viewers 20 --never-read 1 --slow 2`` watches until its
standard input closes or SIGTERM comes, then writes what was received as one line of JSON. A viewer
does what the page does: it says what it watches and acknowledges each picture. A slow one does so
as late as if its link carried ``SLOW_BYTES_S``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import socket
import subprocess
import sys
from dataclasses import asdict, dataclass
from types import TracebackType
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from edge.core.errors import UnavailableError

SLOW_BYTES_S = 50_000.0
"""What the link of a slow viewer carries, bytes a second."""

_STOP_TIMEOUT_S = 10.0
_HANDSHAKE = (
    "GET /ws HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ZWRnZSB2aWV3ZXIgbG9hZA==\r\n\r\n"
)


@dataclass(frozen=True, slots=True)
class Received:
    """What the viewers of a load got.

    Attributes:
        viewers: how many read.
        never_reading: how many connected and never read.
        slow: how many of those that read have a slow link.
        frames: pictures received by each viewer that read, the slow ones last.
        bytes: received by all of them together.
        lost: viewers whose connection broke.
    """

    viewers: int
    never_reading: int
    slow: int
    frames: list[int]
    bytes: int
    lost: int


class ViewerLoad:
    """Viewers in a process of their own, so that only their demand is felt here."""

    def __init__(self, url: str, viewers: int, never_reading: int = 0, slow: int = 0) -> None:
        """Prepare the viewers of a page.

        Args:
            url: of the page.
            viewers: how many in all.
            never_reading: so many of them only connect.
            slow: so many of them have a slow link.
        """
        self._command = [
            *(sys.executable, "-m", __name__, url),
            *("--viewers", str(viewers), "--never-read", str(never_reading), "--slow", str(slow)),
        ]
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start watching; returns when every viewer is connected.

        Raises:
            UnavailableError: they could not connect.
        """
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        if self._line() != "watching":
            self.close()
            raise UnavailableError(f"the viewers could not connect: {' '.join(self._command)}")

    def stop(self) -> Received:
        """Stop watching and say what was received.

        Raises:
            UnavailableError: the viewers' process died before.
        """
        if self._process is None or self._process.stdin is None:
            raise UnavailableError("the viewers were not started")
        self._process.stdin.close()
        line = self._line()
        self.close()
        if not line:
            raise UnavailableError("the viewers' process died before it could report")
        return Received(**json.loads(line))

    def close(self) -> None:
        """End the process, whatever it does. Safe to call twice."""
        process, self._process = self._process, None
        if process is None:
            return
        with process:  # closes its pipes
            process.terminate()
            try:
                process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()

    def __enter__(self) -> ViewerLoad:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _line(self) -> str:
        if self._process is None or self._process.stdout is None:
            return ""
        return self._process.stdout.readline().strip()


class _Reader:
    """One viewer that reads and counts."""

    def __init__(self, bytes_a_second: float | None) -> None:
        self.frames = 0
        self.bytes = 0
        self.lost = False
        self._bytes_a_second = bytes_a_second

    async def watch(self, address: str, connected: asyncio.Semaphore) -> None:
        try:
            async with connect(address, max_size=None, compression=None, max_queue=4) as link:
                await link.send(json.dumps({"type": "watch"}))
                connected.release()
                async for message in link:
                    await self._take(link, message)
                self.lost = True
        except (OSError, WebSocketException):
            self.lost = True
            connected.release()

    async def _take(self, link: ClientConnection, message: str | bytes) -> None:
        self.bytes += len(message)
        if isinstance(message, bytes):
            self.frames += 1
            if self._bytes_a_second is not None:
                await asyncio.sleep(len(message) / self._bytes_a_second)
            header = json.loads(message[4 : 4 + int.from_bytes(message[:4], "big")])
            await link.send(json.dumps({"type": "taken", "seq": header["seq"]}))


def _connect_and_never_read(host: str) -> socket.socket:
    name, port = urlsplit(f"//{host}").hostname, urlsplit(f"//{host}").port
    link = socket.create_connection((name, port or 80))
    link.sendall(_HANDSHAKE.format(host=host).encode())
    return link


async def _watch(host: str, viewers: int, never_reading: int, slow: int) -> Received:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_reader(sys.stdin.fileno(), stop.set)
    quick = viewers - never_reading - slow
    readers = [_Reader(None if n < quick else SLOW_BYTES_S) for n in range(quick + slow)]
    connected = asyncio.Semaphore(0)
    silent = [_connect_and_never_read(host) for _ in range(never_reading)]
    tasks = [asyncio.create_task(reader.watch(f"ws://{host}/ws", connected)) for reader in readers]
    for _ in readers:
        await connected.acquire()
    sys.stdout.write("watching\n")
    sys.stdout.flush()
    await stop.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for link in silent:
        link.close()
    return Received(
        viewers=len(readers),
        never_reading=never_reading,
        slow=slow,
        frames=[reader.frames for reader in readers],
        bytes=sum(reader.bytes for reader in readers),
        lost=sum(reader.lost for reader in readers),
    )


def _main() -> int:
    parser = argparse.ArgumentParser(description="Watch the live view many times at once.")
    parser.add_argument("url", help="address of the page, e.g. http://127.0.0.1:8000")
    parser.add_argument("--viewers", type=int, default=20, help="viewers in all")
    parser.add_argument("--never-read", type=int, default=0, help="of which these never read")
    parser.add_argument("--slow", type=int, default=0, help="of which these have a slow link")
    asked = parser.parse_args()
    host = urlsplit(asked.url).netloc
    received = asyncio.run(_watch(host, asked.viewers, asked.never_read, asked.slow))
    sys.stdout.write(json.dumps(asdict(received)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(_main())
