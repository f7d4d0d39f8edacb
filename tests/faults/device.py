"""A network camera that does as it is told: a real RTSP server whose pictures, packets and manners
can be spoilt while somebody watches. Real H.264, sent over TCP; nothing but Python and PyAV.
"""

from __future__ import annotations

import base64
import itertools
import re
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from types import TracebackType

import av
import numpy as np

from edge.core.types import Image

Unit = list[bytes]
"""One picture's NAL units."""
Spoil = Callable[[int, Unit], Unit]
"""Changes what is sent of the picture of this number; an empty unit sends nothing."""
CLOCK_HZ = 90_000  # RFC 6184, section 8.2.1
_KEY, _SPS, _PPS = 5, 7, 8  # H.264 table 7-1
_START = re.compile(rb"\x00\x00\x00?\x01")


@dataclass(frozen=True)
class Clip:
    """Encoded pictures that are shown over and over; the first is a key frame."""

    units: tuple[Unit, ...]
    fps: float

    @property
    def parameters(self) -> list[bytes]:
        """Sequence and picture parameter sets."""
        return [nal for nal in self.units[0] if nal[0] & 31 in (_SPS, _PPS)]


def encoded(images: Sequence[Image], *, fps: float = 15, group: int = 5, crf: int = 20) -> Clip:
    """H.264 of pictures uint8 (H, W, 3) BGR, with a key frame every ``group`` pictures."""
    codec = av.CodecContext.create("libx264", "w")
    codec.height, codec.width = images[0].shape[:2]
    codec.pix_fmt, codec.time_base = "yuv420p", Fraction(1, 1000)
    codec.framerate = Fraction(fps).limit_denominator(1000)
    codec.options = {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "crf": str(crf),
        "x264-params": f"keyint={group}:min-keyint={group}:scenecut=0:slices=1:repeat-headers=1",
    }
    packets = []
    for number, image in enumerate(images):
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24")
        picture.pts, picture.time_base = round(number * 1000 / fps), codec.time_base
        packets += codec.encode(picture)
    packets += codec.encode(None)
    units = [[nal for nal in _START.split(bytes(packet)) if nal] for packet in packets]
    return Clip(tuple(unit for unit in units if unit), fps)


def noisy(count: int = 30, width: int = 64, height: int = 48, seed: int = 0) -> list[Image]:
    """Pictures with something in them, and sensor noise: uint8 (height, width, 3)."""
    random = np.random.default_rng(seed)
    scene = np.repeat(np.repeat(random.integers(60, 200, (6, 8, 3)), height // 6, 0), width // 8, 1)
    shape = (count, *scene.shape)
    pictures = np.clip(scene + random.integers(-25, 25, shape), 0, 255).astype(np.uint8)
    return list(pictures)


def as_it_is(_number: int, unit: Unit) -> Unit:
    return unit


def nothing(_number: int, _unit: Unit) -> Unit:
    """The line is open and silent."""
    return []


def garbled(_number: int, unit: Unit) -> Unit:
    """Every picture, key frames too, has lost its middle; its headers are whole."""
    return [nal if nal[0] & 31 in (_SPS, _PPS) else _broken(nal) for nal in unit]


def without_references(number: int, unit: Unit) -> Unit:
    """Every picture behind a key frame is damaged."""
    return unit if any(nal[0] & 31 == _KEY for nal in unit) else garbled(number, unit)


def _broken(nal: bytes) -> bytes:
    third = len(nal) // 3
    noise = np.random.default_rng(len(nal)).bytes(third)
    return nal[:third] + noise + nal[2 * third :]


class Device:
    """The camera. What it shows, how, and how it answers may be changed at any time.

    Attributes:
        clip: what it shows.
        spoil: what becomes of every picture on its way.
        repeat: the number of the picture that is shown again and again; None: the clip goes on.
        answer: to ``DESCRIBE``: ``200 OK``, another status, or nothing for silence.
        media: what it says it sends, as a line ``m=`` of SDP.
        timestamp: RTP time of the picture of a number.
        pace: of the pictures, against the clip's own.
        described: how often somebody asked what it shows.
        sent: pictures so far.
    """

    def __init__(self, clip: Clip, port: int = 0) -> None:
        self.clip = clip
        self.spoil: Spoil = as_it_is
        self.repeat: int | None = None
        self.answer = "200 OK"
        self.media = "video 0 RTP/AVP 96"
        self.pace = 1.0
        self.timestamp: Callable[[int], int] = self._in_step
        self.described = 0
        self.sent = 0
        self._port = port
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def uri(self) -> str:
        return f"rtsp://127.0.0.1:{self._port}/line"

    def _in_step(self, number: int) -> int:
        return round(number * CLOCK_HZ / self.clip.fps)

    def plug_in(self) -> Device:
        """Listen, on the same port as ever."""
        self._server = _Server(self, self._port)
        self._port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        return self

    def unplug(self) -> None:
        """Everybody is hung up on, and nobody listens any more. Safe to call twice."""
        server, thread = self._server, self._thread
        if server is not None and thread is not None:
            server.stopping.set()
            server.shutdown()
            server.server_close()
            thread.join()
        self._server = self._thread = None

    def __enter__(self) -> Device:
        return self.plug_in()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.unplug()

    def pictures(self) -> Iterator[tuple[int, Unit]]:
        """What is sent from now on; a clip that is exchanged starts with its key frame."""
        clip, start = self.clip, 0
        for number in itertools.count():
            if self.clip is not clip:
                clip, start = self.clip, number
            place = (number - start if self.repeat is None else self.repeat) % len(clip.units)
            unit = clip.units[place]
            yield number, self.spoil(number, unit)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True

    def __init__(self, device: Device, port: int) -> None:
        self.device = device
        self.stopping = threading.Event()
        super().__init__(("127.0.0.1", port), _Watcher)

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever watches may hang up at any time."""


class _Watcher(socketserver.StreamRequestHandler):
    """One connection: its requests, then pictures until somebody hangs up (RFC 2326)."""

    server: _Server
    timeout = 0.05

    def handle(self) -> None:
        with suppress(OSError):
            while (request := self._request()) is not None:
                method, sequence = request
                if method == "DESCRIBE":
                    self._describe(sequence)
                elif method == "SETUP":
                    transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"
                    self._reply(sequence, "200 OK", transport, "Session: 1;timeout=60")
                elif method == "PLAY":
                    self._reply(sequence, "200 OK", "Session: 1")
                    self._play()
                else:
                    public = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN"
                    self._reply(sequence, "200 OK", public)

    def _request(self) -> tuple[str, str] | None:
        """Method and sequence number; None once nobody asks any more."""
        text = b""
        while not text.endswith(b"\r\n\r\n"):
            try:
                byte = self.connection.recv(1)
            except TimeoutError:
                if self.server.stopping.is_set():
                    return None
                continue
            if not byte:
                return None
            text += byte
        found = re.search(rb"CSeq: *(\d+)", text, re.IGNORECASE)
        return text.split()[0].decode(), found[1].decode() if found else "0"

    def _describe(self, sequence: str) -> None:
        device = self.server.device
        device.described += 1
        if not device.answer:
            self.server.stopping.wait()
            return
        sets = ",".join(base64.b64encode(nal).decode() for nal in device.clip.parameters)
        kind = "H264/90000" if device.media.startswith("video") else "PCMA/8000"
        sdp = (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=line\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
            f"m={device.media}\r\na=rtpmap:{device.media.split()[-1]} {kind}\r\n"
            f"a=fmtp:96 packetization-mode=1;sprop-parameter-sets={sets}\r\na=control:track\r\n"
        )
        headers = ["Content-Type: application/sdp", f"Content-Length: {len(sdp)}"]
        if not device.answer.startswith("200"):
            sdp, headers = "", ['WWW-Authenticate: Basic realm="camera"']
        self._reply(sequence, device.answer, *headers, body=sdp)

    def _reply(self, sequence: str, status: str, *headers: str, body: str = "") -> None:
        lines = [f"RTSP/1.0 {status}", f"CSeq: {sequence}", *headers]
        self.connection.sendall(("\r\n".join(lines) + "\r\n\r\n" + body).encode())

    def _play(self) -> None:
        device, packets = self.server.device, itertools.count()
        for number, unit in device.pictures():
            if self.server.stopping.wait(1 / (device.clip.fps * device.pace)):
                return
            at = device.timestamp(number) & 0xFFFF_FFFF
            for nal in unit:
                self._send(nal, next(packets), at, last=nal is unit[-1])
            device.sent += bool(unit)

    def _send(self, nal: bytes, packet: int, at: int, *, last: bool) -> None:
        """One RTP packet (RFC 3550, section 5.1) in the connection of the requests."""
        kind = int(self.server.device.media.split()[-1])
        rtp = struct.pack("!BBHII", 0x80, kind | last << 7, packet & 0xFFFF, at, 1) + nal
        self.connection.sendall(b"$\0" + struct.pack("!H", len(rtp)) + rtp)
