from __future__ import annotations

import os
import struct
import tempfile
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from edge.camera.images import list_images, read_image
from edge.core.errors import DataError, InputMissingError
from edge.core.types import Image

FORMATS = ("jpg", "png", "bmp", "webp")


def scene(width: int = 81, height: int = 59) -> Image:
    """Smooth colours with odd sides, so that chroma upsampling and padding matter."""
    coarse = np.random.default_rng(0).integers(0, 255, (12, 16, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height)), np.uint8)


def pillow(mode: str = "RGB") -> Pillow.Image:
    return Pillow.fromarray(scene()[:, :, ::-1].copy()).convert(mode)


def as_opencv(path: Path) -> Image:
    image = cv2.imread(str(path))
    assert image is not None
    return np.asarray(image, np.uint8)


def test_ordinary_files_have_exactly_opencvs_pixels(tmp_path: Path) -> None:
    for suffix in FORMATS:
        path = tmp_path / f"ok.{suffix}"
        cv2.imwrite(str(path), scene())
        image = read_image(path)
        assert image.dtype == np.uint8
        assert image.flags.c_contiguous
        np.testing.assert_array_equal(image, as_opencv(path), err_msg=suffix)


@pytest.mark.parametrize("progressive", [0, 1], ids=["baseline", "progressive"])
@pytest.mark.parametrize("sampling", ["444", "422", "420", "440", "411"])
@pytest.mark.parametrize("quality", [30, 95])
def test_every_kind_of_jpeg_has_exactly_opencvs_pixels(
    tmp_path: Path, quality: int, sampling: str, progressive: int
) -> None:
    path = tmp_path / "a.jpg"
    factor = getattr(cv2, f"IMWRITE_JPEG_SAMPLING_FACTOR_{sampling}")
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factor]
    cv2.imwrite(str(path), scene(), [*options, cv2.IMWRITE_JPEG_PROGRESSIVE, progressive])
    np.testing.assert_array_equal(read_image(path), as_opencv(path))


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
@pytest.mark.parametrize("orientation", range(10))
def test_exif_orientation_is_applied_as_opencv_does(
    tmp_path: Path, orientation: int, suffix: str
) -> None:
    path, exif = tmp_path / f"a.{suffix}", Pillow.Exif()
    exif[0x0112] = orientation
    pillow().save(path, exif=exif)
    np.testing.assert_array_equal(read_image(path), as_opencv(path))


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "1"])
def test_other_colours_become_bgr_as_opencv_does(tmp_path: Path, mode: str) -> None:
    path, image = tmp_path / "a.png", pillow(mode)
    if "A" in mode:
        image.putalpha(Pillow.fromarray(scene()[:, :, 0].copy()))
    image.save(path)
    np.testing.assert_array_equal(read_image(path), as_opencv(path))


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, -3])
def test_a_truncated_file_is_an_error_that_names_it(
    tmp_path: Path, suffix: str, kept: float
) -> None:
    path = tmp_path / f"part.{suffix}"
    cv2.imwrite(str(path), scene(400, 300))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept) if kept > 0 else int(kept)])
    with pytest.raises(DataError, match=rf"part\.{suffix}.*(truncated|broken)"):
        read_image(path)


@pytest.mark.parametrize("seed", range(10))
def test_a_corrupt_middle_is_an_error_where_opencv_shows_garbage(tmp_path: Path, seed: int) -> None:
    path, rng = tmp_path / "corrupt.jpg", np.random.default_rng(seed)
    cv2.imwrite(str(path), rng.integers(0, 255, (300, 400, 3), dtype=np.uint8))
    data = bytearray(path.read_bytes())
    start = int(rng.integers(800, len(data) - 400))
    data[start : start + 200] = rng.bytes(200)
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"corrupt\.jpg.*truncated or corrupt"):
        read_image(path)


def png_bomb(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1_000_000))
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def jpeg_bomb(width: int, height: int) -> bytes:
    data = bytearray(cv2.imencode(".jpg", scene())[1].tobytes())
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


@pytest.mark.parametrize("bomb", [png_bomb, jpeg_bomb], ids=["PNG", "JPEG"])
def test_a_huge_picture_is_refused_from_its_header_alone(tmp_path: Path, bomb: object) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(bomb(40_000, 40_000))  # type: ignore[operator]
    tracemalloc.start()
    with pytest.raises(DataError, match="40000x40000 pixels, more than the 64 million"):
        read_image(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def test_the_pixel_limit_can_be_moved(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), scene(20, 10))
    assert read_image(tmp_path / "a.png", max_pixels=200).shape == (10, 20, 3)
    with pytest.raises(DataError, match="20x10"):
        read_image(tmp_path / "a.png", max_pixels=199)


def test_what_would_lose_information_is_refused_with_the_remedy(tmp_path: Path) -> None:
    deep = scene().astype(np.uint16) * 256
    cv2.imwrite(str(tmp_path / "grey16.png"), deep[:, :, 0])
    cv2.imwrite(str(tmp_path / "rgb16.png"), deep)
    pillow("CMYK").save(tmp_path / "cmyk.jpg")
    pillow().save(tmp_path / "really.gif")
    pillow().save(tmp_path / "scan.tif")
    pillow().save(tmp_path / "moving.webp", save_all=True, append_images=[pillow("L")])
    for name, says in {
        "grey16.png": "16 bits a channel",
        "rgb16.png": "16 bits a channel",
        "cmyk.jpg": "CMYK colours",
        "really.gif": "is GIF",
        "scan.tif": "is TIFF",
        "moving.webp": "holds 2 pictures",
    }.items():
        with pytest.raises(DataError, match=rf"{name}.*{says}"):
            read_image(tmp_path / name)


def test_what_is_no_image_has_a_sentence_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("hello")
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    cases: list[tuple[str, type[Exception], str]] = [
        ("empty.jpg", DataError, "is empty"),
        ("text.jpg", DataError, "is no image"),
        ("folder.jpg", InputMissingError, "is a folder"),
        ("pipe.jpg", DataError, "device or pipe"),
        ("missing.jpg", InputMissingError, "no such file"),
    ]
    for name, kind, says in cases:
        with pytest.raises(kind, match=rf"{name}.*{says}"):
            read_image(tmp_path / name)


@pytest.fixture
def nobody() -> Iterator[None]:
    """Root may read every file, so it becomes somebody else for a while."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65_534)
    yield
    os.seteuid(user)


@pytest.mark.parametrize(
    ("use", "refused"),
    [(read_image, "."), (read_image, "a.png"), (list_images, ".")],
    ids=["read, folder refused", "read, file refused", "list, folder refused"],
)
def test_what_may_not_be_read_says_so(
    use: Callable[[Path], object], refused: str, request: pytest.FixtureRequest
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "folder"
        folder.mkdir()
        Path(name).chmod(0o755)
        cv2.imwrite(str(folder / "a.png"), scene())
        (folder / refused).chmod(0)
        request.getfixturevalue("nobody")
        with pytest.raises(InputMissingError, match="permission denied"):
            use(folder / "a.png")
        os.seteuid(os.getuid())
        (folder / refused).chmod(0o755)


def test_a_folder_is_listed_with_all_below_as_people_count(tmp_path: Path) -> None:
    names = ["b/2.jpg", "a/10.jpg", "a/9.JPG", "a/notes.txt", "a/.hidden.jpg", "c/deep/x.png"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "loop").symlink_to(tmp_path)
    found = [str(path.relative_to(tmp_path)) for path in list_images(tmp_path)]
    assert found == ["a/9.JPG", "a/10.jpg", "b/2.jpg", "c/deep/x.png"]


def test_globs_files_and_folders_mix_and_nothing_comes_twice(tmp_path: Path) -> None:
    for name in ("1.png", "2.png", "photo"):
        (tmp_path / name).touch()
    one = tmp_path / "1.png"
    assert list_images([one, f"{tmp_path}/*.png", tmp_path, tmp_path / "photo"]) == [
        one,
        tmp_path / "2.png",
        tmp_path / "photo",
    ]


def test_ignored_files_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("1.png", "labels.txt", "x.csv"):
        (tmp_path / name).touch()
    with caplog.at_level("INFO"):
        list_images(tmp_path)
    assert "2 of 3 files ignored" in caplog.text


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("", "no images there \\(1 other files\\)"),
        ("nowhere", "no such file or folder"),
        ("*.jpg", "nothing matches"),
    ],
    ids=["folder", "missing", "glob"],
)
def test_an_empty_list_is_refused(tmp_path: Path, source: str, says: str) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputMissingError, match=says):
        list_images(f"{tmp_path}/{source}")


def test_a_name_with_a_newline_stays_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputMissingError) as refused:
        read_image(tmp_path / "two\nlines.jpg")
    assert "\n" not in str(refused.value)
