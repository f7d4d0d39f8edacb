from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.camera import is_live
from edge.camera.uri import CameraUri
from edge.core.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "scheme", "location", "query"),
    [
        pytest.param("pattern://", "pattern", "", {}, id="no location"),
        pytest.param(
            "pattern://?seed=7&fps=30", "pattern", "", {"seed": "7", "fps": "30"}, id="options"
        ),
        pytest.param("file:///clips/a.mp4", "file", "/clips/a.mp4", {}, id="absolute file"),
        pytest.param("file://clips/a.mp4", "file", "clips/a.mp4", {}, id="relative file"),
        pytest.param("clips/a.mp4", "file", "clips/a.mp4", {}, id="bare path"),
        pytest.param("clips/*.jpg", "file", "clips/*.jpg", {}, id="glob"),
        pytest.param("clips/img?.jpg", "file", "clips/img?.jpg", {}, id="glob with ?"),
        pytest.param("a.mp4?fps=5", "file", "a.mp4", {"fps": "5"}, id="bare path with option"),
        pytest.param("file:///my%20clips/a.mp4", "file", "/my clips/a.mp4", {}, id="encoded"),
        pytest.param("clips/100%25.jpg", "file", "clips/100%25.jpg", {}, id="bare is literal"),
        pytest.param("v4l2:///dev/video0", "v4l2", "/dev/video0", {}, id="device"),
        pytest.param("CSI://0", "csi", "0", {}, id="upper case"),
        pytest.param("rtsp://10.0.0.5:554/s1", "rtsp", "10.0.0.5:554/s1", {}, id="no login"),
        pytest.param("rtsp://[fe80::1]:554/a@b", "rtsp", "[fe80::1]:554/a@b", {}, id="IPv6, @"),
    ],
)
def test_a_uri_says_kind_place_and_options(
    text: str, scheme: str, location: str, query: dict[str, str]
) -> None:
    uri = CameraUri.parse(text)
    assert (uri.scheme, uri.location, uri.query) == (scheme, location, query)


@pytest.mark.parametrize(
    ("text", "public"),
    [
        ("rtsp://bob:s3cret@cam/s", "rtsp://bob:***@cam/s"),
        ("rtsp://bob:a@b:c@cam:554/s?x=1", "rtsp://bob:***@cam:554/s?x=1"),
        ("rtsp://bob@cam/s", "rtsp://bob@cam/s"),
        (
            "rtsp://cam/s?user=bob&password=pw&channel=1",
            "rtsp://cam/s?user=bob&password=***&channel=1",
        ),
        ("rtsp://cam/s?access_token=pw", "rtsp://cam/s?access_token=***"),
        ("RTSP://bob:s3cret@cam/s", "rtsp://bob:***@cam/s"),
    ],
)
def test_the_public_form_hides_every_secret(text: str, public: str) -> None:
    uri = CameraUri.parse(text)
    assert uri.public == str(uri) == public
    assert "s3cret" not in repr(uri)


@pytest.mark.parametrize(
    "message",
    [
        "404: 'rtsp://bob:s%2Fcret@cam/s?token=tok123'",
        "rtsp://bob:s%2Fcret@cam:554/s failed",
        "password s/cret was refused",
        "rtsp://other:login@host/ too",
        "tok123",
    ],
)
def test_a_librarys_message_is_scrubbed(message: str) -> None:
    scrubbed = CameraUri.parse("rtsp://bob:s%2Fcret@cam/s?token=tok123").scrub(message)
    assert not any(secret in scrubbed for secret in ("s%2Fcret", "s/cret", "tok123", "login"))
    assert "***" in scrubbed


@given(
    st.text(
        st.characters(codec="ascii", exclude_characters="/?#@:", categories=("L", "N", "P")),
        min_size=4,
    )
)
def test_no_password_survives_in_public_or_scrubbed_text(password: str) -> None:
    text = f"rtsp://bob:{password}@cam.example/stream"
    uri = CameraUri.parse(text)
    assert uri.public == "rtsp://bob:***@cam.example/stream"
    assert text not in uri.scrub(f"cannot open {text}!")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rstp://cam/s", "did you mean 'rtsp'?"),
        ("http://cam/s", "no kind of camera is called 'http'"),
        ("rtsp:/cam", "lacks its '//'"),
        ("0", "v4l2:///dev/video0"),
        ("/dev/video2", "v4l2:///dev/video2"),
        ("", "empty"),
        ("file://", "empty"),
        ("rtsp://bob:s3/cret@cam/s", "percent-encoded"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_remedy(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        CameraUri.parse(text)
    assert says in str(refused.value)
    assert "s3" not in str(refused.value)


def test_an_unknown_option_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"'fsp' \(did you mean 'fps'\?\); known are fps, loop"):
        CameraUri.parse("a.mp4?fsp=5").check_query("fps", "loop")


@pytest.mark.parametrize(
    ("uri", "live"),
    [
        ("a.mp4", False),
        ("a.mp4?loop=true", False),
        ("a.mp4?fps=10", True),
        ("rtsp://cam/s", True),
        ("v4l2:///dev/video0", True),
        ("pattern://?seed=1", True),
        ("pattern://?realtime=false", False),
    ],
)
def test_only_recordings_without_a_frame_rate_are_lock_step(uri: str, live: bool) -> None:
    assert is_live(uri) is live
