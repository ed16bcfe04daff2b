"""Decodes and resizes image files."""

import functools
import io
import os
import stat
from typing import Any

import numpy as np

from keras_contrastive.datasets.files.array_files import NPY_START
from keras_contrastive.datasets.files.array_files import NPZ_START
from keras_contrastive.datasets.files.jpeg_files import decode_jpeg
from keras_contrastive.datasets.files.resize_center import is_fast_in_pytorch
from keras_contrastive.datasets.files.resize_center import resize_center
from keras_contrastive.datasets.files.resize_center import resize_center_rgb
from keras_contrastive.datasets.files.tiff_files import STARTS as TIFF_STARTS

# Only pixel formats. EPS is a program, which Pillow runs in Ghostscript.
FORMATS = {
    *("AVIF", "BMP", "DIB", "GIF", "HEIF", "JPEG", "JPEG2000", "PNG", "PPM"),
    *("TIFF", "WEBP"),
}
SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".avif"),
    *(".gif", ".tif", ".tiff", ".bmp", ".dib", ".jp2", ".j2k", ".jpf", ".jpx"),
    *(".ppm", ".pgm", ".pbm", ".pnm"),
)
HEIF_SUFFIXES = (".heic", ".heif", ".hif")  # written by phones
HEIF_HINT = "reading HEIC needs `pip install pillow-heif`"
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")

# Formats of files that may be intact, but not 8-bit RGB.
_BANDS_STARTS = (*TIFF_STARTS, NPY_START, NPZ_START)
_BANDS_HINT = (
    "; images that are not 8-bit RGB are read with `channels` and `value_range`"
)

_ORIENTATION = 0x0112  # EXIF tag: how the camera was held
_TRANSPOSITIONS = {  # from EXIF orientations to Pillow's transpositions
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}


def load_image(
    source: str | os.PathLike | bytes | bytearray | memoryview,
    image_size: int | tuple[int, int],
) -> np.ndarray:
    """Decodes an image and resizes it without distortion.

    The largest centered region of the target's aspect ratio is resized with
    bicubic, antialiased interpolation. For a square size this equals the
    preprocessing that CLIP is evaluated with: resize the short side, crop the
    center.

    Photographs are turned upright by their EXIF orientation. Grayscale,
    palette, CMYK and 16-bit images become RGB, transparent pixels become white,
    and an animation yields its first frame. A JPEG much larger than the target
    is decoded at a fraction of its resolution, which is several times faster
    and still antialiased.

    Decoding needs Pillow (`pip install "keras_contrastive[datasets]"`). Pillow
    releases Python's global interpreter lock (GIL), so that several threads can
    decode. If simplejpeg is installed, it decodes JPEG files of up to 128x128
    pixels, which Pillow opens more slowly than it decodes them. On the PyTorch
    backend it also decodes larger ones, because PyTorch resizes them faster.
    Pixels differ by at most one level between versions of libjpeg-turbo. Some
    values differ by one level between PyTorch and Pillow, and a few by more
    (`resize_center`). HEIC also needs `pip install pillow-heif`.

    Args:
        source: Path of a file, or its bytes: JPEG, PNG, WebP, AVIF, HEIC, GIF,
            TIFF, BMP, JPEG 2000 or PNM, if Pillow was built with support for
            it.
        image_size: int or `(height, width)` of the result, in pixels.

    Returns:
        A uint8 array of shape `(height, width, 3)`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is not an image, is damaged, has float pixels,
            or more pixels than twice `PIL.Image.MAX_IMAGE_PIXELS`, about 179
            million. The limit protects the memory from small files that
            decompress to a huge size.

    Example:

    ```python
    import keras
    import numpy as np
    from keras_contrastive.datasets.files.image_files import load_image

    keras.utils.save_img("wide.png", np.zeros((60, 90, 3)), scale=False)
    assert load_image("wide.png", 32).shape == (32, 32, 3)
    assert load_image("wide.png", (32, 64)).shape == (32, 64, 3)
    ```
    """
    image_module = import_pillow()
    height, width = check_image_size(image_size)
    if isinstance(source, bytes | bytearray | memoryview):
        name, content = "The image", bytes(source)
    else:
        name = f"The image {os.fspath(source)!r}"
        content = read_file(source, name)
    try:
        pixels = decode_jpeg(content, height, width)
        if pixels is not None:
            if pixels.shape == (height, width, 3):
                return pixels
            if is_fast_in_pytorch(pixels.shape, height, width):
                return resize_center_rgb(pixels, height, width)
            image = image_module.fromarray(pixels)
            return _to_rgb(image_module, image, height, width)
        with image_module.open(
            io.BytesIO(content), formats=image_formats()
        ) as image:
            _decode_small(image, height, width)
            return _resize(image_module, image, height, width)
    # On damaged files the decoders raise OSError, SyntaxError, struct.error,
    # IndexError, ... depending on the format and the kind of damage.
    except Exception as error:
        hint = _BANDS_HINT if content.startswith(_BANDS_STARTS) else ""
        raise decoding_error(name, content, error, hint) from error


def decoding_error(
    name: str, content: bytes, error: Exception, hint: str = ""
) -> ValueError:
    """The error for an image that its decoder cannot read."""
    reason = str(error).partition("<_io")[0].strip()
    heif = content[4:8] == b"ftyp" and content[8:12] in _HEIF_BRANDS
    if heif and not reads_heif():
        reason = f"{reason}; {HEIF_HINT}"
    return ValueError(
        f"{name} cannot be decoded ({len(content)} bytes): {reason}{hint}"
    )


def read_file(path: str | os.PathLike, name: str) -> bytes:
    """The bytes of a file. Messages call the image `name`."""
    # This needs half the system calls of `open`, which dominate the time for
    # small files. With O_NONBLOCK, opening a pipe does not wait for a writer.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)
    descriptor = os.open(path, flags | getattr(os, "O_BINARY", 0))
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            # Reading from a pipe or a device might never end.
            raise ValueError(f"{name} is not a file.")
        content = os.read(descriptor, status.st_size)
        while len(content) < status.st_size:
            more = os.read(descriptor, status.st_size - len(content))
            if not more:
                break
            content += more
        return content
    finally:
        os.close(descriptor)


def resize_image(image, image_size: int | tuple[int, int]) -> np.ndarray:
    """Resizes an open Pillow image as `load_image` does."""
    return _resize(import_pillow(), image, *check_image_size(image_size))


def check_image_size(image_size: int | tuple[int, int]) -> tuple[int, int]:
    """Returns `image_size` as `(height, width)`, or raises."""
    size = image_size
    if isinstance(size, int | np.integer):
        size = (size, size)
    try:
        height, width = (int(side) for side in size)
        valid = (height, width) == tuple(size) and min(height, width) >= 1
    except (TypeError, ValueError):
        valid = False
    if not valid:
        raise ValueError(
            "`image_size` must be a positive integer or a pair of them, "
            f"(height, width). Received: {image_size!r}"
        )
    return height, width


@functools.cache
def image_formats() -> list[str]:
    """The formats of `FORMATS` that the installed Pillow can read."""
    image_module = import_pillow()
    image_module.init()
    if reads_heif():
        import pillow_heif

        pillow_heif.register_heif_opener()
    return sorted(FORMATS.intersection(image_module.OPEN))


@functools.cache
def reads_heif() -> bool:
    """Whether pillow-heif is installed."""
    try:
        import pillow_heif  # noqa: F401
    except ImportError:
        return False
    return True


def import_pillow():
    """Returns the module `PIL.Image`."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            "Reading image files needs Pillow. Install it with "
            '`pip install "keras_contrastive[datasets]"`.'
        ) from error
    return Image


def _decode_small(image, height, width):
    # The decoder may reduce the resolution as long as each side keeps twice the
    # pixels of the target. Below that, its box filter would show in the result.
    if 5 <= orientation_of(image) <= 8:  # height and width are exchanged
        height, width = width, height
    shrink = max(2 * height / image.height, 2 * width / image.width)
    image.draft(
        None, (_ceil(image.width * shrink), _ceil(image.height * shrink))
    )


def _resize(image_module, image, height, width):
    image.load()
    # Read after loading: some decoders, such as TIFF's, turn the picture while
    # they load it, and remove the tag.
    transposition = _TRANSPOSITIONS.get(orientation_of(image))
    image = _to_8_bits(image_module, image)
    if transposition is not None:
        image = image.transpose(image_module.Transpose[transposition])
    return _to_rgb(image_module, image, height, width)


def _to_rgb(image_module, image, height, width):
    image = resize_center(image, height, width)
    if image.mode == "RGBA":
        white = image_module.new("RGBA", image.size, "white")
        image = image_module.alpha_composite(white, image)
    return np.array(image.convert("RGB"))


def _ceil(number):
    return int(-(-number // 1))


def orientation_of(image: Any) -> int:
    """The EXIF orientation of a Pillow image, 1 if it has none."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # the pixels may be intact although metadata are damaged
        return 1


def _to_8_bits(image_module, image):
    """Converts to a mode that can be interpolated: L, RGB or RGBA."""
    if image.mode.startswith("I"):
        # `convert` would clip at 255 instead of scaling 16 bits to 8.
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 65535:
            raise ValueError("its pixels are integers of more than 16 bits")
        return image_module.fromarray((values // 256).astype("uint8"))
    if image.mode == "F":
        # The file does not define which number is white.
        raise ValueError("its pixels are floats")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        return image.convert("RGBA")
    return image if image.mode in ("L", "RGB") else image.convert("RGB")
