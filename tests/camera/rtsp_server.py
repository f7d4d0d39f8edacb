"""A real RTSP server to test against, for the system's Python: GStreamer's, with x264 or x265.

``rtsp_server.py PORT [--size 320x240] [--path /cam] [--login user:password] [--codec h265]
[--threads 1]``: one thread makes pictures of one slice. It prints ``ready``, then obeys lines on
standard input: ``size 640x480``, ``pattern black``, ``lose 3`` packets. Audio at ``/audio``,
without any video; a rare codec at ``/jpeg``.
"""

import argparse
import sys
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

_TUNED = "tune=zerolatency speed-preset=ultrafast key-int-max=12 bitrate=4000"
ENCODERS = {
    "h264": f"x264enc threads={{threads}} {_TUNED} ! rtph264pay config-interval=-1",
    "h265": f"x265enc log-level=0 {_TUNED} ! rtph265pay config-interval=-1",
}


class Factory(GstRtspServer.RTSPMediaFactory):  # type: ignore[misc]
    """One shared stream whose caps and pattern can be changed while it runs."""

    def __init__(self, size: str, encoder: str) -> None:
        super().__init__()
        self.size = size
        self.encoder = encoder
        self.pattern = "ball"
        self.lose = "0"
        self.bin: Any = None
        self.set_shared(True)

    def caps(self) -> str:
        width, height = self.size.split("x")
        return f"video/x-raw,format=I420,width={width},height={height},framerate=25/1"

    def do_create_element(self, url: Any) -> Any:
        self.bin = Gst.parse_launch(
            f"( videotestsrc name=source is-live=true pattern={self.pattern} ! "
            f"capsfilter name=caps caps={self.caps()} ! "
            f"{self.encoder} name=pay0 pt=96 )"
        )
        kinds = Gst.PadProbeType.BUFFER | Gst.PadProbeType.BUFFER_LIST
        self.bin.get_by_name("pay0").get_static_pad("src").add_probe(kinds, self.pass_or_lose)
        return self.bin

    def pass_or_lose(self, pad: Any, info: Any) -> Any:
        left = int(self.lose)
        self.lose = str(max(0, left - 1))
        return Gst.PadProbeReturn.DROP if left else Gst.PadProbeReturn.OK

    def obey(self, command: str, value: str) -> None:
        setattr(self, command, value)
        if self.bin is not None:
            self.bin.get_by_name("source").set_property("pattern", self.pattern)
            self.bin.get_by_name("caps").set_property("caps", Gst.Caps.from_string(self.caps()))


def require_login(server: Any, factory: Factory, login: str) -> None:
    user, _, password = login.partition(":")
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role("viewer", "media.factory.access", True)
    permissions.add_permission_for_role("viewer", "media.factory.construct", True)
    factory.set_permissions(permissions)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port")
    parser.add_argument("--size", default="320x240")
    parser.add_argument("--path", default="/cam")
    parser.add_argument("--login")
    parser.add_argument("--codec", choices=list(ENCODERS), default="h264")
    parser.add_argument("--threads", default="0")
    args = parser.parse_args()
    Gst.init(None)
    server = GstRtspServer.RTSPServer(address="127.0.0.1", service=args.port)
    factory = Factory(args.size, ENCODERS[args.codec].format(threads=args.threads))
    if args.login:
        require_login(server, factory, args.login)
    audio = GstRtspServer.RTSPMediaFactory()
    audio.set_launch("( audiotestsrc is-live=true ! alawenc ! rtppcmapay name=pay0 pt=8 )")
    server.get_mount_points().add_factory(args.path, factory)
    server.get_mount_points().add_factory("/audio", audio)
    jpeg = GstRtspServer.RTSPMediaFactory()
    jpeg.set_launch("( videotestsrc is-live=true ! jpegenc ! rtpjpegpay name=pay0 pt=26 )")
    server.get_mount_points().add_factory("/jpeg", jpeg)
    if not server.attach(None):
        sys.exit(f"port {args.port} is taken")
    loop = GLib.MainLoop()

    def obey(stream: Any, condition: Any) -> bool:
        line = stream.readline()
        if not line:
            loop.quit()
            return False
        factory.obey(*line.split())
        return True

    GLib.io_add_watch(sys.stdin, GLib.IO_IN | GLib.IO_HUP, obey)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    loop.run()


if __name__ == "__main__":
    main()
