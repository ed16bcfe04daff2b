"""Files with any number of channels are read as the written arrays."""

import io
import sys
import zipfile

import numpy as np
import pytest

Image = pytest.importorskip("PIL.Image")
tifffile = pytest.importorskip("tifffile")
pytest.importorskip("imagecodecs")
pytest.importorskip("pydicom")
from PIL import ImageOps  # noqa: E402

from keras_contrastive.datasets.files.stored_pixels import read_stored  # noqa: E402
from keras_contrastive.datasets.files.upright import turn_upright  # noqa: E402
from tests.fuzz.readers import dicom  # noqa: E402
from tests.fuzz.readers import npy  # noqa: E402
from tests.fuzz.readers import npz  # noqa: E402
from tests.fuzz.readers import of_three_channels  # noqa: E402
from tests.fuzz.readers import png  # noqa: E402
from tests.fuzz.readers import tiff  # noqa: E402

pytestmark = pytest.mark.one_backend

GRAY = {"photometric": "minisblack"}


def values(channels=5, dtype="uint16", height=7, width=9):
    rng = np.random.default_rng(0)
    pixels = rng.normal(size=(height, width, channels)) * 1000
    if np.dtype(dtype).kind == "u":
        pixels = np.abs(pixels)
    if dtype == "uint8":
        pixels = pixels % 256
    return pixels.astype(dtype)


def first(pixels):
    return np.ascontiguousarray(np.moveaxis(pixels, -1, 0))


def check(content, expected):
    stored = read_stored(content)
    assert stored.dtype == expected.dtype
    np.testing.assert_array_equal(stored, expected)


DTYPES = "uint8 uint16 int16 uint32 int32 float16 float32 float64".split()


@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes(dtype):
    pixels = values(dtype=dtype)
    check(tiff(pixels, planarconfig="contig", **GRAY), pixels)
    check(npy(pixels), pixels)
    check(npz(pixels), pixels)
    check(pixels, pixels)


LAYOUTS = {
    "interleaved": lambda x: tiff(x, planarconfig="contig", **GRAY),
    "planes": lambda x: tiff(first(x), planarconfig="separate", **GRAY),
    "pages": lambda x: tiff(first(x), metadata={"axes": "CYX"}, **GRAY),
    "OME": lambda x: tiff(first(x), ome=True, metadata={"axes": "CYX"}, **GRAY),
    "ImageJ": lambda x: tiff(first(x), imagej=True, metadata={"axes": "CYX"}),
    "pages without a name": lambda x: tiff(first(x), metadata=None),
    "array as it is": lambda x: tiff(x),
    "one page of a stack": lambda x: tiff(
        first(x)[None], imagej=True, metadata={"axes": "ZCYX"}
    ),
    "BigTIFF, big-endian": lambda x: tiff(
        x, planarconfig="contig", bigtiff=True, byteorder=">", **GRAY
    ),
    "strips": lambda x: tiff(x, planarconfig="contig", rowsperstrip=2, **GRAY),
    **{
        f"tiles, {compression}": lambda x, compression=compression: tiff(
            x,
            planarconfig="contig",
            tile=(16, 16),
            compression=compression,
            predictor=True,
            **GRAY,
        )
        for compression in ("zlib", "lzw", "zstd")
    },
}


@pytest.mark.parametrize("write", LAYOUTS.values(), ids=LAYOUTS)
def test_layouts_of_tiff(write):
    check(write(values()), values())


def test_one_channel():
    pixels = values(1)
    for content in (
        tiff(pixels[..., 0]),
        npy(pixels[..., 0]),
        npy(pixels),
        pixels[..., 0],
        Image.fromarray(pixels[..., 0]),
        dicom(pixels[..., 0]),
    ):
        check(content, pixels)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "jpeg"])
def test_tiff_of_libtiff(compression):
    pixels = values(3, "uint8", 200, 150)
    stream = io.BytesIO()
    image = Image.fromarray(pixels)
    image.save(stream, "TIFF", compression=compression)
    if compression == "jpeg":
        pixels = np.asarray(Image.open(stream))
        error = np.abs(read_stored(stream.getvalue()).astype(int) - pixels)
        assert error.mean() < 1
    else:
        check(stream.getvalue(), pixels)


def test_overviews_are_left_out():
    pixels, stream = values(4, height=32, width=32), io.BytesIO()
    with tifffile.TiffWriter(stream) as file:
        more = {"planarconfig": "contig", "metadata": None, **GRAY}
        file.write(pixels, subifds=1, **more)
        file.write(pixels[::2, ::2], subfiletype=1, **more)
    check(stream.getvalue(), pixels)


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_png_of_16_bits(channels):
    check(png(values(channels)), values(channels))


def test_gray_png_of_16_bits():
    stream = io.BytesIO()
    Image.fromarray(values(1)[..., 0]).save(stream, "PNG")
    check(stream.getvalue(), values(1))


@pytest.mark.parametrize(
    "mode, channels",
    [("L", 1), ("LA", 2), ("RGB", 3), ("RGBA", 4), ("P", 3), ("1", 1)],
)
def test_other_formats(mode, channels):
    image = Image.fromarray(values(3, "uint8")).convert(mode)
    mode = {"P": "RGB", "1": "L"}.get(mode, mode)
    expected = np.asarray(image.convert(mode)).reshape(7, 9, channels)
    check(image, expected)
    stream = io.BytesIO()
    image.save(stream, "PNG")
    check(stream.getvalue(), expected)


def test_transparent_color_of_a_palette():
    image = Image.fromarray(values(3, "uint8")).quantize(4)
    image.info["transparency"] = 2
    stored = read_stored(image)
    assert stored.shape == (7, 9, 4)
    np.testing.assert_array_equal(stored[..., 3] == 0, np.asarray(image) == 2)


def test_paths_and_dicts(tmp_path):
    path = tmp_path / "a.tif"  # formats are known by content, not by name
    path.write_bytes(npy(values()))
    for image in (path, str(path), {"bytes": None, "path": str(path)}):
        check(image, values())
    check({"bytes": npy(values()), "path": "nowhere.tif"}, values())
    with pytest.raises(FileNotFoundError):
        read_stored(tmp_path / "none.npy")
    with pytest.raises(ValueError, match="is not a file"):
        read_stored(tmp_path)


def test_orientation():
    pixels = values(3, "uint8")
    for orientation in range(1, 10):
        exif = Image.Exif()
        exif[0x0112] = orientation
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "PNG", exif=exif)
        upright = ImageOps.exif_transpose(Image.open(stream))
        check(stream.getvalue(), np.asarray(upright))
        np.testing.assert_array_equal(
            turn_upright(pixels, orientation), np.asarray(upright)
        )
        scan = tiff(
            values(),
            planarconfig="contig",
            extratags=[(274, "H", 1, orientation, True)],
            **GRAY,
        )
        check(scan, turn_upright(values(), orientation))


def test_white_is_zero():
    pixels = values(1)[..., 0]
    scan = tiff(65535 - pixels, photometric="miniswhite")
    check(scan, pixels[..., None])
    scan = tiff(pixels.astype("float32"), photometric="miniswhite")
    with pytest.raises(ValueError, match="white is 0.*float32"):
        read_stored(scan)


def test_npz_of_several_arrays():
    stream = io.BytesIO()
    np.savez(stream, mask=np.zeros(3), image=values())
    check(stream.getvalue(), values())
    stream = io.BytesIO()
    np.savez(stream, mask=np.zeros(3), picture=values())
    with pytest.raises(ValueError, match="named 'image'.*'mask', 'picture'"):
        read_stored(stream.getvalue())


class TestDicom:
    def test_values_of_the_modality(self):
        stored = values(1, "int16")[..., 0]
        scan = dicom(stored, RescaleSlope=2, RescaleIntercept=-1024)
        check(scan, (2.0 * stored - 1024).astype("float32")[..., None])
        scan = dicom(stored, RescaleSlope=1, RescaleIntercept=0)
        check(scan, stored[..., None])

    def test_white_is_the_lowest(self):
        stored = values(1)[..., 0] % 4096
        white = {"PhotometricInterpretation": "MONOCHROME1"}
        scan = dicom(stored, **white, BitsStored=12, HighBit=11)
        check(scan, 4095 - stored[..., None])
        signed = stored.astype("int16")
        check(dicom(signed, **white), -1 - signed[..., None])

    def test_table_of_the_modality(self):
        import pydicom

        table = pydicom.Dataset()
        table.LUTDescriptor = [4, 0, 16]
        table.LUTData = [10, 20, 40, 80]
        stored = values(1, "uint8")[..., 0] % 4
        table["LUTData"].VR = "US"
        scan = dicom(stored, ModalityLUTSequence=[table])
        expected = np.array([10, 20, 40, 80], "uint16")[stored]
        check(scan, expected[..., None])

    def test_color(self):
        check(dicom(values(3, "uint8")), values(3, "uint8"))

    def test_refused(self):
        frames = values(1, "uint8")[..., 0]
        with pytest.raises(ValueError, match="it holds 3 frames"):
            read_stored(dicom(frames, NumberOfFrames=3))
        palette = {"PhotometricInterpretation": "PALETTE COLOR"}
        with pytest.raises(ValueError, match="palette"):
            read_stored(dicom(frames, **palette))


REFUSED = {
    "a stack": (
        lambda: tiff(values(), imagej=True, metadata={"axes": "ZYX"}),
        "must hold one image.* axes ZYX .*7, 9, 5",
    ),
    "a stack of channels": (
        lambda: tiff(values()[None], metadata={"axes": "TZYX"}, **GRAY),
        "must hold one image.* axes TZYX",
    ),
    "palette": (
        lambda: tiff(
            values(1, "uint8")[..., 0],
            photometric="palette",
            colormap=np.zeros((3, 256), "uint16"),
        ),
        "values must be channel intensities.*PALETTE",
    ),
    "inks": (
        lambda: tiff(values(4, "uint8"), photometric="separated"),
        "values must be channel intensities.*SEPARATED",
    ),
    "CMYK": (
        lambda: Image.fromarray(values(3, "uint8")).convert("CMYK"),
        "values must be channel intensities.*CMYK",
    ),
    "objects": (lambda: npy(np.array([[None]])), "allow_pickle"),
    "complex": (lambda: npy(values().astype("complex64")), "An image must be"),
    "a batch": (lambda: npy(values()[None]), "An image must be"),
    "a row": (lambda: values()[0, 0], "An image must be"),
    "nothing": (lambda: npy(values()[:0]), "An image must be"),
    "no file of images": (lambda: b"nothing", "cannot be decoded"),
    "None": (lambda: None, "An image must be"),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_refused(case):
    make, message = case
    with pytest.raises(ValueError, match=f"(?s){message}"):
        read_stored(make())


FILES = list(of_three_channels())


@pytest.mark.parametrize("content", FILES, ids=range(len(FILES)))
def test_truncated(content):
    """tifffile would replace missing pixels with zeros."""
    expected = read_stored(content)
    lengths = np.random.default_rng(0).integers(0, len(content), 30)
    for length in [*lengths, len(content) - 1]:
        try:
            stored = read_stored(content[:length])
        except ValueError:
            continue
        # The file lacks no pixels, or the pages of whole channels.
        channels = stored.shape[-1]
        np.testing.assert_array_equal(stored, expected[..., :channels])


def test_cyclic_pages():
    content = bytearray(tiff(first(values(2)), metadata=None))
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        start, last = (page.offset for page in file.pages)
        count = int.from_bytes(content[last : last + 2], "little")
    link = last + 2 + 12 * count
    assert content[link : link + 4] == bytes(4)
    content[link : link + 4] = start.to_bytes(4, "little")
    # Every other program, too, reads these two pages.
    check(bytes(content), values(2))


def test_a_size_with_missing_tiles():
    content = tiff(values(1)[..., 0], tile=(16, 16), compression="zlib")
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        at = file.pages[0].tags["ImageWidth"].valueoffset
    content = content[:at] + (10**7).to_bytes(4, "little") + content[at + 4 :]
    with pytest.raises(ValueError, match="pixels are missing"):
        read_stored(content)


def test_the_memory_is_protected(monkeypatch, tmp_path):
    large = np.zeros((200, 200, 3), "uint16")
    path = tmp_path / "large.npy"
    np.save(path, large)
    files = [
        tiff(large, compression="zlib", planarconfig="contig", **GRAY),
        npz(large, compressed=True),
        png(large),
        dicom(large.astype("uint8")),
        path,
    ]
    for file in files:
        read_stored(file)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)
    for file in files:
        with pytest.raises(ValueError, match=r"takes? [0-9]+ bytes"):
            read_stored(file)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    for file in files:
        read_stored(file)


def test_an_archive_with_a_wrong_size():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("image.npy", npy(np.zeros((100, 100), "uint8")))
    content = stream.getvalue()
    size = len(npy(np.zeros((100, 100), "uint8"))).to_bytes(4, "little")
    assert content.count(size) == 2
    with pytest.raises(ValueError, match="cannot be decoded"):
        read_stored(content.replace(size, (200).to_bytes(4, "little")))


@pytest.mark.parametrize(
    "package, extra, content",
    [
        ("tifffile", "bands", tiff(values(), **GRAY)),
        ("imagecodecs", "bands", png(values(3))),
        ("pydicom", "dicom", dicom(values(1)[..., 0])),
    ],
)
def test_missing_packages(package, extra, content, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"keras_contrastive\[{extra}\]"):
        read_stored(content)
