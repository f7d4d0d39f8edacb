"""Capture process through GStreamer: CSI cameras, and network cameras decoded by hardware.

The standard library and ``gi`` only, and no newer syntax than Python 3.10: where Edge's environment
has no ``gi``, the system's Python runs this. The job is a whole pipeline::

    {"pipeline": "... ! appsink name=sink"}

or a source whose streams are known once the camera answers, a branch for each codec, and what may
not be written into a pipeline's text, since it comes from a URI::

    {"pipeline": "rtspsrc name=camera ...", "properties": {"camera": {"location": "..."}},
     "branches": {"H264": "... ! h264parse name=parser ! ... ! appsink name=sink", "H265": "..."},
     "host": "...", "port": 554}

Frames arrive as NV12 in system memory.
"""

from __future__ import annotations

import re
import signal
from typing import Any

from edge.camera.gst_frames import FrameTaker, KeyFrameGate
from edge.camera.reach import reach
from edge.camera.slots import SlotWriter, serve

_BUS_POLL_NS = 200_000_000


class PipelineError(Exception):
    """GStreamer reported an error."""


class MissingElementError(Exception):
    """A GStreamer plugin of the pipeline is not installed."""


class NoVideoError(Exception):
    """The camera has no video stream."""


class UnknownCodecError(Exception):
    """The camera's video is compressed in a way that no branch decodes."""


class HTTPUnauthorizedError(PipelineError):
    """The camera answered 401."""


class HTTPForbiddenError(PipelineError):
    """The camera answered 403."""


class HTTPNotFoundError(PipelineError):
    """The camera answered 404."""


_ANSWERS = {"401": HTTPUnauthorizedError, "403": HTTPForbiddenError, "404": HTTPNotFoundError}


def capture(job: dict[str, Any], writer: SlotWriter) -> None:
    """Offer every frame of the job's pipeline until it ends."""
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstVideo", "1.0")
    from gi.repository import Gst

    Gst.init(None)
    signal.signal(signal.SIGTERM, _leave)
    if "host" in job:
        reach(job["host"], job["port"])
    Pipeline(Gst, job, writer).run()


def _leave(number: int, frame: object) -> None:
    raise SystemExit


class Pipeline:
    """The job's elements, from their start to their end.

    GStreamer calls back on threads of its own, where an exception would be lost: it is kept, and
    the thread that waits in ``run`` raises it.
    """

    def __init__(self, gst: Any, job: dict[str, Any], writer: SlotWriter) -> None:
        self._gst = gst
        self._branches: dict[str, str] = job.get("branches", {})
        self._writer = writer
        self._failure: Exception | None = None
        self._selected = ""
        self._pipeline = gst.Pipeline()
        self._taker = FrameTaker(gst, self._pipeline, writer)
        self._elements = self._parsed(job["pipeline"])
        self._pipeline.add(self._elements)
        for name, properties in job.get("properties", {}).items():
            for key, value in properties.items():
                self._elements.get_by_name(name).set_property(key, value)
        if self._branches:
            source = self._elements.get_by_name("camera")
            source.connect("select-stream", lambda _, number, caps: self._select(caps))
            source.connect("pad-added", lambda _, pad: self._connect(pad))
        else:
            self._taker.watch(self._elements.get_by_name("sink"))

    def run(self) -> None:
        """Play until the stream ends; raises what went wrong."""
        try:
            self._pipeline.set_state(self._gst.State.PLAYING)
            self._wait()
        finally:
            # The daemon of a CSI camera keeps a session that just vanishes.
            self._pipeline.set_state(self._gst.State.NULL)

    def _parsed(self, text: str, *, open_ends: bool = False) -> Any:
        from gi.repository import GLib

        try:
            return self._gst.parse_bin_from_description(text, open_ends)
        except GLib.Error as error:
            absent = self._gst.ParseError.NO_SUCH_ELEMENT
            missing = error.matches(self._gst.parse_error_quark(), absent)
            raise (MissingElementError if missing else PipelineError)(error.message) from error

    def _select(self, caps: Any) -> bool:
        """Whether this is the stream to be sent: the first one that is video."""
        stream = caps.get_structure(0)
        if stream.get_string("media") != "video" or self._selected:
            return False
        self._selected = stream.get_string("encoding-name")
        if self._selected not in self._branches:
            self._fail(UnknownCodecError(self._selected))
            return False
        return True

    def _connect(self, pad: Any) -> None:
        """Decode what comes from this pad."""
        self._writer.opened()
        try:
            branch = self._parsed(self._branches[self._selected], open_ends=True)
        except Exception as error:
            self._fail(error)
            return
        self._guard(branch.get_by_name("parser").get_static_pad("src"))
        self._taker.watch(branch.get_by_name("sink"))
        self._elements.add(branch)
        pad.link(branch.get_static_pad("sink"))
        branch.sync_state_with_parent()

    def _guard(self, pad: Any) -> None:
        """Keep from the decoder what it could only smear."""
        flags, gate = self._gst.BufferFlags, KeyFrameGate()

        def passes(_pad: Any, info: Any) -> Any:
            buffer = info.get_buffer()
            gap, delta = buffer.has_flags(flags.DISCONT), buffer.has_flags(flags.DELTA_UNIT)
            if gate.passes(gap=gap, key_frame=not delta):
                return self._gst.PadProbeReturn.OK
            self._taker.skip()
            return self._gst.PadProbeReturn.DROP

        pad.add_probe(self._gst.PadProbeType.BUFFER, passes)

    def _fail(self, error: Exception) -> None:
        self._failure = error
        self._pipeline.post_message(self._gst.Message.new_application(self._pipeline, None))

    def _wait(self) -> None:
        """Until the stream's end; what went wrong is raised."""
        bus, kinds = self._pipeline.get_bus(), self._gst.MessageType
        wanted = kinds.ERROR | kinds.EOS | kinds.APPLICATION
        while (message := bus.timed_pop_filtered(_BUS_POLL_NS, wanted)) is None:
            pass
        if self._failure is not None:
            raise self._failure
        if message.type == kinds.ERROR:
            raise self._explained(*message.parse_error())

    def _explained(self, error: Any, detail: str | None) -> Exception:
        if self._branches and not self._selected and error.domain == "gst-stream-error-quark":
            return NoVideoError("no video stream")
        last = (detail or "").splitlines()[-1:]
        answer = re.search(r"\((\d{3})\)", " ".join(last))
        kind = _ANSWERS.get(answer[1] if answer else "", PipelineError)
        return kind(f"{error.message} {last}")


def main() -> None:
    """Serve the process that started this one."""
    serve(capture)
