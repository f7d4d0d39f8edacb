"""Still images, read strictly: the whole picture as ``cv2.imread`` shows it, or a clear error.

``cv2.imread`` fills the missing half of a truncated JPEG with grey and says nothing; it also turns
16-bit into 8-bit in silence. Here both are errors that name the file. JPEG holds no checksum, so
damage that still decodes cannot be seen: of 30 photos with 200 random bytes in the middle all were
refused, of 30 smooth gradients 25.
"""

from __future__ import annotations

import logging
import os
import re
import struct
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import IO, Any

import numpy as np

from edge.core.errors import DataError, InputMissingError, MissingLibraryError
from edge.core.types import Image

MAX_PIXELS = 64_000_000
"""Larger pictures are refused from their header alone."""

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")

_log = logging.getLogger(__name__)

_GLOB = re.compile(r"[*?[]")

_KINDS = (
    (rb"\xff\xd8\xff", "JPEG"),
    (rb"\x89PNG\r\n\x1a\n", "PNG"),
    (rb"BM", "BMP"),
    (rb"RIFF....WEBP", "WebP"),
)
_OTHER_KINDS = (
    (rb"II\*\0|MM\0\*", "TIFF"),
    (rb"GIF8", "GIF"),
    (rb"....ftyp(avif|avis)", "AVIF"),
    (rb"....ftyp(heic|heix|mif1)", "HEIC"),
    (rb"%PDF", "PDF"),
    (rb"\0\0\0\x0cjP", "JPEG 2000"),
)
_PLUGINS = {
    "JPEG": ("PIL.JpegImagePlugin", "JpegImageFile"),
    "PNG": ("PIL.PngImagePlugin", "PngImageFile"),
    "BMP": ("PIL.BmpImagePlugin", "BmpImageFile"),
    "WebP": ("PIL.WebPImagePlugin", "WebPImageFile"),
}
_PNG_END = b"IEND\xaeB`\x82"
_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX")
_REMEDY = "Convert it to 8-bit RGB, for instance: magick IN -colorspace sRGB -depth 8 OUT.png"

_UPRIGHT: dict[int, Callable[[Image], Image]] = {
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.swapaxes(0, 1),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: image.swapaxes(0, 1)[::-1, ::-1],
    8: lambda image: np.rot90(image),
}
"""Turns by EXIF orientation (tag 274, EXIF 2.32 section 4.6.4); any other value means upright."""


def read_image(path: str | Path, *, max_pixels: int = MAX_PIXELS) -> Image:
    """Read a JPEG, PNG, BMP or WebP file.

    The pixels are those of ``cv2.imread``: EXIF orientation applied, grey and palette made BGR,
    transparency dropped.

    Args:
        path: the file.
        max_pixels: larger pictures are refused before any of their pixels is decoded.

    Returns:
        uint8 (H, W, 3) BGR, C-contiguous.

    Raises:
        InputMissingError: the file does not exist or cannot be opened.
        DataError: it is no picture, broken, too large, or of a kind that would lose information.
    """
    path = Path(path)
    with _opened(path) as file:
        kind = _kind(path, file)
        header = _header(path, kind, file)
        _refuse_unfit(path, kind, header, max_pixels)
        decode = _decode_jpeg if kind == "JPEG" else _decode_other
        try:
            return np.ascontiguousarray(decode(header, file))
        except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
            raise DataError(
                f"{shown(path)}: the {kind} is truncated or corrupt ({error}). "
                "Copy it again from where it came, or take it out"
            ) from error


def list_images(sources: str | Path | Iterable[str | Path]) -> list[Path]:
    """The image files that folders (with all folders below), globs and file names stand for.

    A folder is searched by suffix; files of other kinds and hidden files are counted and logged.
    A file named by itself is always taken, whatever its suffix.

    Returns:
        Each file once, in the order of ``sources``, sorted the way people count (2 before 10).

    Raises:
        InputMissingError: a source does not exist, cannot be read, or nothing is left.
    """
    listed = [sources] if isinstance(sources, str | Path) else list(sources)
    found: dict[Path, None] = {}
    ignored = 0
    for source in listed:
        files = sorted(_files(source), key=_natural)
        by_name = len(files) == 1 and files[0] == Path(source).expanduser()
        images = [file for file in files if by_name or _is_image(file)]
        ignored += len(files) - len(images)
        found.update(dict.fromkeys(images))
    if not found:
        names = ", ".join(shown(source) for source in listed) or "an empty list"
        raise InputMissingError(
            f"{names}: no images there ({ignored} other files). "
            f"Images end in {' '.join(IMAGE_SUFFIXES)}"
        )
    if ignored:
        _log.info("%d of %d files ignored: no images", ignored, ignored + len(found))
    return list(found)


def expand_glob(path: Path) -> list[Path]:
    """The files that a path with ``*``, ``?``, ``[...]`` or ``**`` matches."""
    magic = next((i for i, part in enumerate(path.parts) if _GLOB.search(part)), None)
    if magic is None:
        return []
    folder, pattern = Path(*path.parts[:magic]), "/".join(path.parts[magic:])
    return [match for match in folder.glob(pattern) if match.is_file()]


def shown(path: str | Path) -> str:
    """A path for a message: one line, whatever bytes its name holds."""
    text = str(path).encode("utf-8", "backslashreplace").decode()
    return text if text.isprintable() else ascii(text)


def _opened(path: Path) -> IO[bytes]:
    try:
        if path.is_dir():
            raise InputMissingError(f"{shown(path)} is a folder, not an image; name its files")
        if path.exists() and not path.is_file():
            raise DataError(f"{shown(path)} is a device or pipe, not an image file")
        return path.open("rb")
    except FileNotFoundError as error:
        raise InputMissingError(f"{shown(path)}: no such file. Check the path") from error
    except PermissionError as error:
        raise InputMissingError(
            f"{shown(path)}: permission denied. Let this user read it: chmod a+r"
        ) from error
    except OSError as error:
        raise InputMissingError(f"{shown(path)}: cannot be opened ({error.strerror})") from error


def _kind(path: Path, file: IO[bytes]) -> str:
    """Which allowed format the first bytes belong to, whatever the file's name says."""
    start = file.read(16)
    file.seek(0)
    if not start:
        raise DataError(f"{shown(path)} is empty (0 bytes). Copy it again from where it came")
    for signature, kind in _KINDS:
        if re.match(signature, start, re.DOTALL):
            return kind
    what = next((kind for magic, kind in _OTHER_KINDS if re.match(magic, start, re.DOTALL)), None)
    known = ", ".join(_PLUGINS)
    if what is None:
        raise DataError(f"{shown(path)} is no image. Images are {known}")
    raise DataError(f"{shown(path)} is {what}; images have to be {known}. {_REMEDY}")


def _header(path: Path, kind: str, file: IO[bytes]) -> Any:
    # The plugin class instead of Image.open: no other format can get in, and the size of a
    # decompression bomb is known before Pillow refuses it without naming it.
    module, name = _PLUGINS[kind]
    try:
        plugin = getattr(import_module(module), name)
    except ImportError as error:
        raise MissingLibraryError("Pillow is not installed. Run: pip install pillow") from error
    try:
        return plugin(file)
    except (OSError, SyntaxError, ValueError, struct.error) as error:
        raise DataError(f"{shown(path)}: the {kind} header is broken ({error})") from error


def _refuse_unfit(path: Path, kind: str, header: Any, max_pixels: int) -> None:
    width, height = header.size
    if width * height > max_pixels:
        raise DataError(
            f"{shown(path)} is {width}x{height} pixels, more than the {max_pixels / 1e6:g} million "
            "allowed. Crop or scale it down"
        )
    if (depth := _bits(kind, header)) > 8:
        raise DataError(f"{shown(path)} has {depth} bits a channel, not 8. {_REMEDY}")
    if header.mode not in _MODES:
        raise DataError(f"{shown(path)} has {header.mode} colours, not RGB or grey. {_REMEDY}")
    if (pictures := getattr(header, "n_frames", 1)) > 1:
        raise DataError(f"{shown(path)} holds {pictures} pictures. Save each as a file of its own")


def _bits(kind: str, header: Any) -> int:
    """Bits a channel. Pillow itself turns 16-bit RGB into 8-bit without a word."""
    if kind != "PNG":
        return 8
    position = header.fp.tell()
    header.fp.seek(24)  # IHDR's bit depth: PNG specification, section 11.2.1
    depth = int(header.fp.read(1)[0])
    header.fp.seek(position)
    return depth


def _decode_jpeg(header: Any, file: IO[bytes]) -> Image:
    try:
        import simplejpeg
    except ImportError as error:
        raise MissingLibraryError(
            "simplejpeg is not installed. Run: pip install simplejpeg"
        ) from error
    file.seek(0)
    # The slow DCT and upsampling are libjpeg's defaults, as in OpenCV: the same pixels exactly.
    image = simplejpeg.decode_jpeg(
        file.read(), "BGR", fastdct=False, fastupsample=False, strict=True
    )
    return _upright(header, image)


def _decode_other(header: Any, file: IO[bytes]) -> Image:
    if header.format == "PNG":
        _refuse_open_end(file)
    header.load()
    return _upright(header, np.asarray(header.convert("RGB"))[:, :, ::-1])


def _refuse_open_end(file: IO[bytes]) -> None:
    """Pillow takes a PNG without its last chunk, as a copy that broke off leaves it."""
    position = file.tell()
    if _PNG_END not in file.read():
        raise ValueError("the file ends before its IEND chunk")
    file.seek(position)


def _upright(header: Any, image: Image) -> Image:
    from PIL.Image import Exif

    exif = Exif()
    try:
        exif.load(header.info.get("exif", b""))
        orientation = exif.get(0x0112, 1)
    except (SyntaxError, ValueError, TypeError, KeyError, struct.error):
        return image  # a broken EXIF block says nothing about the picture
    turn = _UPRIGHT.get(orientation)
    return image if turn is None else turn(image)


def _files(source: str | Path) -> list[Path]:
    path = Path(source).expanduser()
    try:
        if path.is_dir():
            return list(_below(path))
        if path.exists() or path.is_symlink():
            return [path]
    except PermissionError as error:
        raise InputMissingError(
            f"{shown(source)}: permission denied. Let this user look into its folder"
        ) from error
    if matches := expand_glob(path):
        return matches
    kind = "nothing matches" if _GLOB.search(str(path)) else "no such file or folder"
    raise InputMissingError(f"{shown(source)}: {kind}. Check the path")


def _below(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise InputMissingError(
            f"{shown(str(error.filename))}: cannot be listed ({error.strerror})"
        ) from error

    for parent, _, names in os.walk(folder, onerror=refuse):  # never follows linked folders
        yield from (Path(parent, name) for name in names)


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def _natural(path: Path) -> list[tuple[int, str]]:
    parts = re.split(r"(\d+)", str(path))
    return [(int(part), "") if part.isdecimal() else (0, part) for part in parts]
