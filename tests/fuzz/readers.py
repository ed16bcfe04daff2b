"""What each reader of data is to do with any bytes.

A target takes bytes and a scratch folder, and says whether they were read. Bad
ones are to raise a `ValueError`; any other error, and any false result, is a
bug, and so is a file that was not there before.
"""

import io
import itertools
import json
import tarfile
import warnings

import numpy as np
from PIL import Image

from keras_contrastive.datasets.bad_records import BadRecords
from keras_contrastive.datasets.files.caption_files import read_table
from keras_contrastive.datasets.files.image_files import load_image
from keras_contrastive.datasets.files.pixel_reader import PixelReader
from keras_contrastive.datasets.files.text_lines import read_lines
from keras_contrastive.datasets.published.flickr30k_files import SPLIT_FILE
from keras_contrastive.datasets.published.flickr30k_files import Flickr30kFiles
from keras_contrastive.datasets.published.flickr30k_files import read_captions
from keras_contrastive.datasets.published.flickr30k_files import read_splits
from keras_contrastive.datasets.shards.shard_files import count_examples
from keras_contrastive.datasets.shards.stream_reader import StreamReader
from keras_contrastive.datasets.shards.tar_source import TarSource
from keras_contrastive.datasets.tables.open_image_records import image_records


def read_image(content, folder):
    image = load_image(content, (6, 5))
    assert image.shape == (6, 5, 3) and image.dtype == np.uint8


def read_channels(content, folder):
    reader = PixelReader((6, 5), channels=3, value_range=(0, 255))
    image = reader.read(content)
    assert image.shape == (6, 5, 3) and image.dtype == np.float32
    assert image.min() >= 0 and image.max() <= 1


def read_token_file(content, folder):
    _read_lines(content, folder / "results_20130124.token")


def read_csv_file(content, folder):
    _read_lines(content, folder / "results.csv")


def _read_lines(content, path):
    path.write_bytes(content)
    captions, _ = read_captions(Flickr30kFiles(path, path, None), 0.99)
    lines = content.decode("utf-8", "replace").removeprefix("\ufeff")
    lines = [line.strip() for line in lines.replace("\r", "\n").split("\n")]
    for name, texts in captions.items():
        for text in texts:
            # Of this image, and of no other.
            assert any(
                line.startswith(name) and line.endswith(text) for line in lines
            ), (name, text)


def read_caption_table(content, folder):
    path = folder / "captions.csv"
    path.write_bytes(content)
    images = [folder / f"{n}.png" for n in range(4)]
    bad_records = BadRecords("lines cannot be used", 0, 0.99)
    captions = read_table(path, folder, images, bad_records)
    bad_records.check()
    lines = [text for _, text in read_lines(path, bad_records)]
    text = _without_marks_and_spaces("".join(lines))
    for image, several in captions.items():
        assert image in images
        for caption in several:
            assert _without_marks_and_spaces(caption) in text, caption


def _without_marks_and_spaces(text):
    return "".join(text.replace('"', "").split())


def read_table_of_names(content, folder):
    """A table whose rows say themselves which caption belongs to which path."""
    path = folder / "table.csv"
    _read_records(content, path)


def read_json_lines(content, folder):
    _read_records(content, folder / "table.jsonl")


def _read_records(content, path):
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        records = image_records(
            path, "image", "caption", "label", max_bad_fraction=0.99
        )
        labels, names = records.labels, records.class_names
    assert len(labels) == len(records) == len(records.captions)
    assert labels.max() < len(names)
    for record, captions in zip(records, records.captions, strict=True):
        assert record.captions == captions


def read_split_file(content, folder):
    path = folder / SPLIT_FILE
    path.write_bytes(content)
    files = Flickr30kFiles(path, path, path)
    splits = read_splits(files)
    captions, _ = read_captions(files, 0.99)
    assert splits.keys() == captions.keys()
    for image_id, split in splits.values():
        assert isinstance(image_id, int) and isinstance(split, str)


def read_shard(content, folder):
    path = folder / "0.tar"
    path.write_bytes(content)
    for image, caption, image_id in examples_of([str(path)]):
        assert image.shape == (4, 4, 3) and caption.strip()
        assert 0 <= image_id < 2**31


def examples_of(shards):
    """An epoch of the shards, in order."""
    count = count_examples(shards)
    bad_records = BadRecords("examples cannot be read", count + 10, 0.99)
    source = TarSource(shards, None, None)
    pixels = PixelReader(4)
    reader = StreamReader(source, pixels, True, 0, 0, 1, 0, 1, bad_records)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(itertools.islice(reader.read(0), count))


def encoded(format, mode="RGB", size=(9, 7), **kwargs):
    pixels = np.random.default_rng(0).integers(0, 255, (*size[::-1], 3))
    image = Image.fromarray(pixels.astype("uint8")).convert(mode)
    stream = io.BytesIO()
    image.save(stream, format, **kwargs)
    return stream.getvalue()


def of_three_channels():
    """Files that `channels` and `value_range` read, of three channels each."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (7, 9, 3)).astype("uint16")
    first = np.ascontiguousarray(np.moveaxis(pixels, -1, 0))
    yield from (npy(pixels), npy(pixels.astype("float32")))
    yield from (npz(pixels), npz(pixels, compressed=True))
    gray = {"photometric": "minisblack"}
    yield tiff(pixels, planarconfig="contig", **gray)
    yield tiff(first, planarconfig="separate", **gray)
    yield tiff(first, metadata={"axes": "CYX"}, **gray)
    yield tiff(first, ome=True, metadata={"axes": "CYX"}, **gray)
    yield tiff(first, bigtiff=True, byteorder=">", metadata=None, **gray)
    for compression in ("zlib", "lzw", "zstd"):
        more = {"tile": (16, 16), "compression": compression, "predictor": True}
        yield tiff(pixels, planarconfig="contig", **gray, **more)
    yield png(pixels)
    yield dicom(pixels.astype("uint8"))


def npy(pixels):
    stream = io.BytesIO()
    np.save(stream, pixels)
    return stream.getvalue()


def npz(pixels, compressed=False):
    stream = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(stream, pixels)
    return stream.getvalue()


def tiff(pixels, **kwargs):
    import tifffile

    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, **kwargs)
    return stream.getvalue()


def png(pixels):
    """Of uint16 and any number of channels up to 4."""
    import imagecodecs

    return imagecodecs.png_encode(np.ascontiguousarray(pixels))


def dicom(pixels, **fields):
    """A DICOM file, with more or other fields than those of its pixels."""
    import pydicom
    from pydicom.uid import ExplicitVRLittleEndian

    file = pydicom.Dataset()
    file.file_meta = pydicom.dataset.FileMetaDataset()
    file.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    file.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    file.Rows, file.Columns = pixels.shape[:2]
    file.SamplesPerPixel = pixels.shape[2] if pixels.ndim == 3 else 1
    rgb = file.SamplesPerPixel == 3
    file.PhotometricInterpretation = "RGB" if rgb else "MONOCHROME2"
    if rgb:
        file.PlanarConfiguration = 0
    bits = 8 * pixels.dtype.itemsize
    file.BitsAllocated = file.BitsStored = bits
    file.HighBit = bits - 1
    file.PixelRepresentation = int(pixels.dtype.kind == "i")
    for name, value in fields.items():
        setattr(file, name, value)
    file.PixelData = pixels.tobytes()
    stream = io.BytesIO()
    file.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def archive(members, mode="w"):
    """A tar of `(name, content)`, or of `tarfile.TarInfo` objects."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as file:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                file.addfile(member)
                continue
            name, content = member
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def _seeds():
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    animation = io.BytesIO()
    frames[0].save(animation, "GIF", save_all=True, append_images=frames[1:])
    exif = Image.Exif()
    exif[0x0112] = 6
    images = [
        encoded("JPEG", exif=exif),
        encoded("JPEG", "CMYK"),
        encoded("JPEG", "L", progressive=True),
        encoded("PNG", "RGBA"),
        encoded("PNG", "P"),
        encoded("PNG", "I;16"),
        *(encoded(format) for format in ("WEBP", "BMP", "TIFF", "PPM")),
        animation.getvalue(),
    ]
    token = "\n".join(
        f"{n}.jpg#{k}\ta dog {k} ." for n in range(5) for k in (0, 1)
    )
    csv = "image_name| comment_number| comment\n" + "\n".join(
        f"{n}.jpg| {k}| zwei Hünde {k}" for n in range(5) for k in (0, 1)
    )
    table = (
        "image,caption\n0.png,a dog, asleep\n0.png,zwei H\u00fcnde\n"
        '1.png,"two ""big"" lines,\nof one caption"\n'
        "2.png,a cat\n3.png,a fish\n"
    )
    splits = {
        "images": [
            {
                "filename": f"{n}.jpg",
                "imgid": n,
                "split": "train",
                "sentences": [{"raw": "a dog"}],
            }
            for n in range(3)
        ]
    }
    files = [
        member
        for n in range(3)
        for member in (
            (f"{n}.png", encoded("PNG")),
            (f"{n}.json", b'{"caption": ["a", "b"]}')
            if n
            else (f"{n}.txt", b"a"),
        )
    ]
    rows = [
        {
            "image": f"{n}.png",
            "caption": ["a dog", "zwei H\u00fcnde"],
            "label": n,
        }
        for n in range(4)
    ]
    named = "image,caption,label\n" + "".join(
        f'{n}.png,"{text}",{n}\n' for n in range(4) for text in ("a, b", "c")
    )
    return {
        read_table_of_names: [named.encode(), named.encode("utf-8-sig")],
        read_json_lines: ["\n".join(map(json.dumps, rows)).encode()],
        read_image: images,
        read_channels: list(of_three_channels()),
        read_token_file: [token.encode(), b"\xef\xbb\xbf" + token.encode()],
        read_csv_file: [csv.encode(), csv.encode() + b"\n0.jpg| 2| H\xfcnde"],
        read_caption_table: [table.encode(), table.encode("utf-8-sig")],
        read_split_file: [json.dumps(splits).encode()],
        read_shard: [archive(files), archive(files, "w:gz")],
    }


# From targets to well-formed inputs.
SEEDS = _seeds()


def attempt(target, content, folder):
    """Whether the target read the content; raises on bugs."""
    try:
        target(content, folder)
    except ValueError:
        return False
    return True


_EXTREMES = [b"\0", b"\xff", b"\x7f\xff\xff\xff", b"\xff" * 4, b"\0" * 8]


def mutated(rng, target):
    """One of the target's seeds with a few of the usual damages.

    Args:
        rng: `random.Random`.
        target: One of the functions above.
    """
    content = bytearray(rng.choice(SEEDS[target]))
    for _ in range(rng.choice([1, 1, 2, 4, 16])):
        here = rng.randrange(len(content) + 1)
        there = min(here + rng.choice([1, 4, 32, 512]), len(content))
        kind = rng.randrange(6)
        if kind == 0 and here < len(content):
            content[here] ^= 1 << rng.randrange(8)
        elif kind == 1:
            content[here:there] = rng.randbytes(there - here)
        elif kind == 2:
            extreme = rng.choice(_EXTREMES)
            content[here : here + len(extreme)] = extreme
        elif kind == 3:
            del content[here:there]
        elif kind == 4:
            content[here:here] = content[here:there]
        elif kind == 5 and not rng.randrange(4):
            del content[here:]
    return bytes(content)
