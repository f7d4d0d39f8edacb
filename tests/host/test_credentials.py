from __future__ import annotations

from pathlib import Path

import pytest

from edge.camera.uri import CameraUri, with_secrets
from edge.core.errors import ConfigError
from edge.host.credentials import camera_secrets


def given(folder: Path, text: str) -> dict[str, str]:
    (folder / "camera-secrets").write_text(text)
    return camera_secrets({"CREDENTIALS_DIRECTORY": str(folder)})


def test_secrets_are_lines_of_name_and_password(tmp_path: Path) -> None:
    text = "# of the press\npress-4=s=cr et/@:\n\nsaw = x\n"
    assert given(tmp_path, text) == {"press-4": "s=cr et/@:", "saw": " x"}


def test_without_systemd_or_without_the_file_there_are_none(tmp_path: Path) -> None:
    assert camera_secrets({}) == {}
    assert camera_secrets({"CREDENTIALS_DIRECTORY": str(tmp_path)}) == {}


@pytest.mark.parametrize("line", ["hunter2", "=hunter2", "press-4="])
def test_a_line_that_is_none_is_named_by_its_number_and_not_by_its_words(
    tmp_path: Path, line: str
) -> None:
    with pytest.raises(ConfigError, match="camera-secrets:2: is not name=password") as caught:
        given(tmp_path, f"a=b\n{line}\n")
    assert "hunter2" not in str(caught.value)


def test_a_password_of_any_letters_reaches_the_camera_and_no_person() -> None:
    password = "p@ss/w:rd ?#&%ä"
    text = with_secrets("rtsp://user:${press-4}@10.0.0.7/stream", {"press-4": password})
    uri = CameraUri.parse(text)
    assert uri.location == "10.0.0.7/stream"
    assert password in uri.secrets
    assert password not in uri.public
    assert "ss%2Fw" not in uri.public


def test_a_secret_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="no secret 'press-5'"):
        with_secrets("rtsp://user:${press-5}@host/", {"press-4": "x"})
