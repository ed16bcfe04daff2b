"""Defects of real data are handled or reported, never ignored."""

import io
import json
import os
import tarfile
import warnings

import numpy as np
import pytest

pytest.importorskip("webdataset")
Image = pytest.importorskip("PIL.Image")

import keras_contrastive as kc  # noqa: E402
from keras_contrastive.datasets.files.image_files import load_image  # noqa: E402
from keras_contrastive.datasets.pipeline.records import as_captioned_image  # noqa: E402
from keras_contrastive.datasets.published.flickr30k_files import SPLIT_FILE  # noqa: E402
from tests.datasets import photographs  # noqa: E402
from tests.fuzz.readers import archive  # noqa: E402
from tests.fuzz.readers import encoded  # noqa: E402

pytestmark = pytest.mark.one_backend


def code_lengths(captions):
    return np.array([[len(caption)] for caption in captions])


# Images.


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP", "TIFF"])
def test_the_first_frame_of_an_animation(format):
    frames = [Image.new("RGB", (8, 8), (v, v, v)) for v in (40, 200)]
    stream = io.BytesIO()
    more = {"save_all": True, "append_images": frames[1:]}
    frames[0].save(stream, format, **more)
    image = load_image(stream.getvalue(), 4)
    np.testing.assert_allclose(image, 40, atol=3)


def test_an_image_that_decompresses_to_any_size():
    import zlib

    def chunk(kind, content):
        check = zlib.crc32(kind + content).to_bytes(4, "big")
        return len(content).to_bytes(4, "big") + kind + content + check

    side = (60_000).to_bytes(4, "big")
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", 2 * side + b"\x08\0\0\0\0")
    bomb += chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    with pytest.raises(ValueError, match="3600000000 pixels.* exceeds limit"):
        load_image(bomb, 8)


def test_programs_are_not_images():
    """Pillow would run PostScript in Ghostscript."""
    script = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n"
    with pytest.raises(ValueError, match="cannot be decoded"):
        load_image(script, 8)


def test_an_image_of_floats():
    stream = io.BytesIO()
    Image.fromarray(np.zeros((8, 8), "float32")).save(stream, "TIFF")
    with pytest.raises(ValueError, match="its pixels are floats"):
        load_image(stream.getvalue(), 8)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes")
def test_paths_that_are_not_files(tmp_path):
    os.mkfifo(tmp_path / "a.jpg")
    for path in (tmp_path, tmp_path / "a.jpg"):
        with pytest.raises(ValueError, match="is not a file"):
            load_image(path, 8)


# Records.

PIXELS = np.zeros((8, 8, 3), "uint8")
GOOD = {"image": PIXELS, "captions": ["night"]}


@pytest.mark.parametrize(
    "field, value, message",
    [
        ("captions", [], "needs a caption"),
        ("captions", ["", " \n"], "needs a caption"),
        ("captions", None, "`captions` must be strings.*None in records.3"),
        ("captions", float("nan"), "`captions` must be strings.*nan"),
        ("captions", ["a", None], "`captions` must be strings.*None"),
        ("captions", [b"caf\xe9"], "or bytes in UTF-8"),
        ("captions", 7, "`captions` must be strings.*7 in records.3"),
        ("captions", np.array(7), "`captions` must be strings.*7"),
        ("captions", {"en": "a"}, "`captions` must be strings.*'en'"),
        ("captions", [["a"]], "`captions` must be strings.*'a'"),
        ("captions", "half of a pair \ud800", "`captions` must be strings"),
        ("image_id", "seven", "`image_id` must be an integer.*seven"),
        ("image_id", float("inf"), "`image_id` must be an integer"),
        ("image_id", 1.5, "`image_id` must be an integer"),
        ("image_id", 2**31, "fits into 32 bits"),
    ],
)
def test_invalid_records(field, value, message):
    record = {**GOOD, field: value}
    with pytest.raises(ValueError, match=message):
        as_captioned_image(record, 3)
    records = [GOOD, record, GOOD]
    with pytest.warns(UserWarning, match=r"1 of 3(.|\n)*records\[1\]"):
        arrays = kc.datasets.load_image_text(records, 4, max_bad_fraction=0.4)
    assert arrays.captions == ["night", "night"]
    dataset = kc.datasets.ImageTextDataset(
        records, code_lengths, 3, 4, max_bad_fraction=0.4
    )
    with pytest.warns(UserWarning, match=r"1 of 3(.|\n)*replaced") as record:
        for _ in range(2):
            (batch,) = dataset
            assert batch["texts"].tolist() == [[5], [5], [5]]
    assert len(record) == 1
    with pytest.raises(ValueError, match="max_bad_fraction"):
        list(kc.datasets.ImageTextDataset(records, code_lengths, 3, 4))


@pytest.mark.parametrize(
    "image", [None, float("nan"), 7, [], {"bytes": None}, 1.5 + 0 * PIXELS]
)
@pytest.mark.parametrize("place", [0, 2])
def test_invalid_images(image, place):
    records = [GOOD, GOOD, GOOD]
    records[place] = {"image": image, "captions": "a bad one"}
    message = rf"1 of 3(.|\n)*records\[{place}\]: .*image.*must be.*Received"
    with pytest.warns(UserWarning, match=message):
        arrays = kc.datasets.load_image_text(records, 4, max_bad_fraction=0.4)
    assert arrays.captions == ["night", "night"]
    dataset = kc.datasets.ImageTextDataset(
        records, code_lengths, 3, 4, max_bad_fraction=0.4
    )
    with pytest.warns(UserWarning, match=message):
        (batch,) = dataset
    assert batch["texts"].tolist() == [[5], [5], [5]]
    for read in (
        lambda: kc.datasets.load_image_text(records, 4),
        lambda: list(kc.datasets.ImageTextDataset(records, code_lengths, 3, 4)),
    ):
        with pytest.raises(ValueError, match=f"{message}(.|\n)*bad_fraction"):
            read()


def test_missing_records():
    """A hole in the list, or an index that raises."""

    class Records(list):
        def __getitem__(self, index):
            if index == 1:
                raise SyntaxError("broken PNG")
            return super().__getitem__(index)

    for records, reason in (
        ([GOOD, None, GOOD], "must hold.*Received: records.1.=None"),
        (Records([GOOD] * 3), "raises SyntaxError: broken PNG"),
    ):
        with pytest.warns(UserWarning, match=rf"records\[1\].*{reason}"):
            kc.datasets.load_image_text(records, 4, max_bad_fraction=0.4)
        dataset = kc.datasets.ImageTextDataset(
            records, code_lengths, 3, 4, max_bad_fraction=0.4
        )
        with pytest.warns(UserWarning, match=rf"records\[1\].*{reason}"):
            list(dataset)


def test_each_record_of_a_missing_image_counts():
    """For example, if each caption of an image has its own record."""
    lost = {"image": "nowhere.jpg", "captions": "a"}
    records = [GOOD, lost, lost, GOOD]
    with pytest.warns(UserWarning, match="2 of 4"):
        kc.datasets.load_image_text(records, 4, max_bad_fraction=0.5)
    with pytest.raises(ValueError, match="2 of 4"):
        kc.datasets.load_image_text(records, 4, max_bad_fraction=0.4)


def test_blank_captions_are_left_out():
    record = as_captioned_image({**GOOD, "captions": ["", "a", b" "]}, 0)
    assert record.captions == ("a",)


def test_long_captions():
    pytest.importorskip("tokenizers")
    tokenizer = kc.text.train_tokenizer(["a dog"], context_length=8)
    records = [
        {**GOOD, "captions": [text]}
        for text in (
            "a" * 100_000,
            "a dog " * 20_000,
            "\u00e9\U0001f415" * 50_000,
        )
    ]
    dataset = kc.datasets.ImageTextDataset(records, tokenizer, 3, 4)
    texts = dataset[0]["texts"]
    assert texts.shape == (3, 8)
    assert (texts == tokenizer.end_id).any(axis=1).all()


# Files of annotations.


@pytest.fixture
def flickr(tmp_path):
    photographs.write_photographs(tmp_path / "flickr30k_images", 3)
    return tmp_path


def token_file(flickr, content):
    (flickr / "results_20130124.token").write_bytes(content)


LINES = b"100.jpg#0\ta dog\n101.jpg#0\ta cat\n102.jpg#0\ta bird\n"


def captions_of(flickr, **arguments):
    records = kc.datasets.flickr30k_records(flickr, **arguments)
    return {os.path.basename(r.image): r.captions for r in records}


@pytest.mark.parametrize(
    "content",
    [b"\xef\xbb\xbf" + LINES, LINES.replace(b"\n", b"\r\n")],
    ids=["byte order mark", "Windows"],
)
def test_lines_of_other_systems(flickr, content):
    token_file(flickr, content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert captions_of(flickr) == {
            "100.jpg": ("a dog",),
            "101.jpg": ("a cat",),
            "102.jpg": ("a bird",),
        }


def test_lines_in_other_encodings(flickr):
    token_file(flickr, LINES + "101.jpg#1\tHündin\n".encode("latin-1"))
    with pytest.warns(UserWarning, match=r"line 4: b'.*H\\xfcndin' is not UTF"):
        captions = captions_of(flickr, max_bad_fraction=0.3)
    assert captions["101.jpg"] == ("a cat",)
    token_file(flickr, LINES.decode().encode("utf-16"))
    with pytest.raises(ValueError, match="max_bad_fraction"):
        captions_of(flickr)


@pytest.mark.parametrize("name", ["../100.jpg", "/etc/passwd", "100.jpg/."])
def test_names_outside_of_the_folder(flickr, name):
    photographs.write_photograph(flickr / "100.jpg", 0)
    token_file(flickr, LINES + f"{name}#0\tout\n".encode())
    with pytest.warns(UserWarning, match="1 of 4 images.*missing"):
        captions = captions_of(flickr, max_bad_fraction=0.3)
    assert len(captions) == 3


@pytest.mark.parametrize(
    "change, message",
    [
        ({"filename": ["100.jpg"]}, "not all are strings"),
        ({"sentences": [{"tokens": ["a"]}]}, "KeyError.'raw'"),
        ({"sentences": [{"raw": None}]}, "not all are strings"),
        ({"sentences": 5}, "is not Karpathy's"),
        ({"imgid": "one"}, "'imgid' is no integer"),
        ({"filename": "101.jpg"}, "'101.jpg' occurs twice"),
    ],
)
def test_malformed_splits(flickr, change, message):
    path = flickr / SPLIT_FILE
    photographs.write_split_file(path, ["train"] * 3)
    content = json.loads(path.read_text())
    content["images"][0].update(change)
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message):
        captions_of(flickr)
    path.write_text("[" * 100_000)
    with pytest.raises(ValueError, match="is not Karpathy's file"):
        captions_of(flickr)


# Archives.


def pair(key, value=7, caption=b"7"):
    image = Image.new("RGB", (5, 4), (value,) * 3)
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return [(f"{key}.png", stream.getvalue()), (f"{key}.txt", caption)]


def special(name, kind, target=""):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def read_shard(tmp_path, members, num_examples=1, **arguments):
    content = members if isinstance(members, bytes) else archive(members)
    (tmp_path / "0.tar").write_bytes(content)
    shards = kc.datasets.image_text_shards(
        tmp_path / "0.tar",
        code_lengths,
        1,
        4,
        shuffle_buffer=0,
        num_examples=num_examples,
        max_bad_fraction=0.9,
        **arguments,
    )
    batches = list(shards)
    assert [each.name for each in tmp_path.iterdir()] == ["0.tar"]
    return batches, shards.bad_examples


def test_paths_of_an_archive_are_names_only(tmp_path):
    for outside in ("/folder/../a", "../../b", "/etc/passwd"):
        ((batch,), bad) = read_shard(tmp_path, pair(outside))
        assert (batch["images"] == 7).all() and not bad


def test_links_and_devices_are_skipped(tmp_path):
    odd = [
        special("a.png", tarfile.SYMTYPE, "/etc/passwd"),
        special("a.txt", tarfile.LNKTYPE, "b.txt"),
        special("c.png", tarfile.CHRTYPE),
        special("d.png", tarfile.FIFOTYPE),
        special("e.png", tarfile.DIRTYPE),
    ]
    ((batch,), bad) = read_shard(tmp_path, odd + pair("f"))
    assert (batch["images"] == 7).all() and not bad


def test_a_sparse_file_that_claims_terabytes(tmp_path):
    sparse = tarfile.TarInfo("a.png")
    sparse.pax_headers = {
        "GNU.sparse.major": "0",
        "GNU.sparse.minor": "1",
        "GNU.sparse.name": "a.png",
        "GNU.sparse.size": str(2**42),
        "GNU.sparse.map": f"{2**42 - 512},0",
    }
    with pytest.warns(UserWarning, match="0.tar/a.png: sparse"):
        batches, bad = read_shard(tmp_path, [sparse, *pair("b")], 2)
    assert all((batch["images"] == 7).all() for batch in batches)
    assert set(bad) >= {"0.tar/a.png"}


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_truncated_archive(tmp_path, mode):
    rng = np.random.default_rng(0)
    members = [
        member
        for n in range(20)
        for member in (*pair(n), (f"{n}.cls", rng.bytes(60_000)))
    ]
    content = archive(members, mode)
    with pytest.warns(UserWarning, match="damaged archive"):
        batches, bad = read_shard(tmp_path, content[:-250_000], 18)
    assert len(batches) == 18 and len(bad) == 1


def test_duplicates_in_an_archive(tmp_path):
    members = [*pair("a"), *pair("a", 9, b"other"), *pair("b", 5, b"fives")]
    with pytest.warns(UserWarning, match="duplicate file name"):
        batches, bad = read_shard(tmp_path, members, 2)
    # The first file of a name is used, with its own caption.
    found = [
        (int(b["images"][0, 0, 0, 0]), int(b["texts"][0, 0])) for b in batches
    ]
    assert found == [(7, 1), (5, 5)]


@pytest.mark.parametrize(
    "caption, reason",
    [
        (("a.txt", b"caf\xe9"), "not UTF-8"),
        (("a.txt", b""), "no caption"),
        (("a.json", b"[" * 100_000), "malformed .json"),
        (("a.json", b'{"caption": 7}'), "no caption"),
        (("a.json", b'{"caption": NaN}'), "no caption"),
        (("a.json", b'{"caption": "\\ud800"}'), "invalid Unicode in a caption"),
        (("a.json", b'{"caption": "\xff"}'), "malformed .json"),
    ],
)
def test_captions_of_an_archive(tmp_path, caption, reason):
    members = [pair("a")[0], caption, *pair("b")]
    with pytest.warns(UserWarning, match="1 of 2 examples"):
        (batches, bad) = read_shard(tmp_path, members, 2)
    assert [b["texts"].tolist() for b in batches] == [[[1]], [[1]]]
    assert list(bad) == ["0.tar/a"] and reason in bad["0.tar/a"]


def test_long_captions_of_an_archive(tmp_path):
    ((batch,), _) = read_shard(tmp_path, pair("a", caption=b"a" * 100_000))
    assert batch["texts"].tolist() == [[100_000]]


@pytest.mark.parametrize("content", ["[]", '{"0.tar": "x"}', "{", "[" * 10**5])
def test_malformed_sizes(tmp_path, content):
    (tmp_path / "0.tar").write_bytes(archive(pair("a")))
    (tmp_path / "sizes.json").write_text(content)
    with pytest.raises(ValueError, match="sizes.json must be a JSON object"):
        kc.datasets.image_text_shards(tmp_path / "0.tar", code_lengths, 1, 4)


def test_a_huge_member_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "keras_contrastive.datasets.shards.tar_source.MAX_BYTES", 999
    )
    members = [("a.png", encoded("BMP", size=(40, 40))), *pair("b")]
    with pytest.warns(UserWarning, match="0.tar/a.png: .*larger than"):
        ((batch, _), _) = read_shard(tmp_path, members, 2)
    assert (batch["images"] == 7).all()
