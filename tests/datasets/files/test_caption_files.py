"""Captions in tables and texts are read completely or reported."""

import csv
import os
import unicodedata
import warnings

import pytest

import keras_contrastive as kc

pytestmark = pytest.mark.one_backend

NAMES = ("0.png", "1.png", "2.png", "3.png")


@pytest.fixture
def folder(tmp_path):
    for name in NAMES:
        (tmp_path / name).touch()
    return tmp_path


def read(folder, **arguments):
    records = kc.datasets.captioned_folder(folder, **arguments)
    return {record.image.name: record.captions for record in records}


def read_quietly(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return read(folder)


def write(path, *lines):
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")


WHOLE = [
    "two children, playing on a beach",
    'a 5" nail, "',
    "one\x0btwo\u2028three\x85four",
    "x" * 140_000,
]


def test_captions_without_quotation_marks_are_whole(folder):
    texts = [WHOLE[0], 'a 5" nail', *WHOLE[2:]]
    rows = [f"{n},{text}" for n, text in zip(NAMES, texts, strict=True)]
    write(folder / "captions.csv", "image,caption", *rows, "", ",")
    expected = {n: (text,) for n, text in zip(NAMES, texts, strict=True)}
    assert read_quietly(folder) == expected

    # The caption may come first.
    rows = [f"a, b and c,{name}" for name in NAMES]
    write(folder / "captions.csv", "caption,image", *rows)
    assert read_quietly(folder) == dict.fromkeys(NAMES, ("a, b and c",))


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_delimiters(folder, delimiter):
    rows = [f"{name}{delimiter}a cat, asleep" for name in NAMES]
    write(folder / "captions.csv", f"image{delimiter}caption", *rows)
    assert read_quietly(folder) == dict.fromkeys(NAMES, ("a cat, asleep",))


def test_captions_in_quotation_marks_are_whole(folder):
    texts = [*WHOLE[:3], 'two lines,\n"the second"\n']
    with (folder / "captions.csv").open("w", newline="") as file:
        file.write("\ufeff")
        rows = zip(NAMES, texts, strict=True)
        csv.writer(file).writerows([("image", "caption"), *rows])
    expected = {n: (t.strip(),) for n, t in zip(NAMES, texts, strict=True)}
    assert read_quietly(folder) == expected

    rows = [f'{name}, "a, b" ' for name in NAMES]  # by hand, with spaces
    write(folder / "captions.csv", "image,caption", *rows)
    assert read_quietly(folder) == dict.fromkeys(NAMES, ("a, b",))


def test_quotation_marks_between_tabs_are_text(folder):
    texts = ['"a dog', 'a "big" dog', "a, b", '"whole"']
    rows = [f"{n}\t{text}" for n, text in zip(NAMES, texts, strict=True)]
    write(folder / "captions.tsv", "image\tcaption", *rows)
    expected = {n: (text,) for n, text in zip(NAMES, texts, strict=True)}
    assert read_quietly(folder) == expected


GOOD = [f"{name},good" for name in NAMES[1:]]


@pytest.mark.parametrize(
    ("header", "row", "reason"),
    [
        ("image,caption", '0.png,"a dog', "unexpected end of data"),
        ("image,caption", '0.png,"a" dog', "expected after"),
        ("image,caption", '0.png,"a, b", c', "3 columns instead of 2"),
        ("image,caption", '0.png,"' + 140_000 * "x" + '"', "field limit"),
        ("image,caption", "0.png", "1 columns instead of 2"),
        ("image,caption,split", "0.png,a, b,train", "4 columns instead of 3"),
        ("image,caption", "missing.png,a", "no image 'missing.png'"),
        ("image,caption", "../0.png,a", "no image"),
        ("image,caption", ",a", "no image ''"),
        ("image,caption", b"0.png,caf\xe9", "is not UTF-8"),
    ],
)
def test_a_bad_row_invalidates_only_itself(header, row, reason, folder):
    row = row if isinstance(row, bytes) else row.encode()
    lines = [header.encode(), *(good.encode() for good in GOOD[:1]), row]
    lines += [good.encode() for good in GOOD[1:]]
    path = folder / "captions.csv"
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(ValueError, match=rf"captions\.csv, line 3: .*{reason}"):
        read(folder)
    with pytest.warns(UserWarning) as record:
        captions = read(folder, max_bad_fraction=0.5)
    assert captions == dict.fromkeys(NAMES[1:], ("good",))
    messages = [str(each.message) for each in record]
    assert f"{path}, line 3: " in messages[0] and reason in messages[0]
    assert "1 of 4 images have no caption" in messages[1]
    assert {each.filename for each in record} == {__file__}


def test_two_unmatched_marks_do_not_swallow_rows(folder):
    """By the rules of CSV, the two marks enclose a caption of three lines."""
    rows = ['0.png,"a dog', "1.png,a cat", '2.png,a bird"', "3.png,a fish"]
    write(folder / "captions.csv", "image,caption", *rows)
    with pytest.raises(ValueError, match="line 2: .*unmatched quotation mark"):
        read(folder)
    with pytest.warns(UserWarning):
        captions = read(folder, max_bad_fraction=0.5)
    assert captions["1.png"] == ("a cat",) and captions["3.png"] == ("a fish",)


def test_tables_that_are_not_utf_8(folder):
    path = folder / "captions.csv"
    path.write_text("image,caption\n0.png,a\n", encoding="utf-16")
    with pytest.raises(ValueError, match=r"captions\.csv, line 1: .*not UTF-8"):
        read(folder)


def test_text_files(folder):
    (folder / "0.txt").write_bytes(
        b"\xef\xbb\xbfa dog\r\n a\xe2\x80\xa8cat\x0b."
    )
    (folder / "1.TXT").write_bytes(b"one\rtwo\n\n")
    (folder / "2.txt").write_bytes(b"good\ncaf\xe9\n")
    with pytest.raises(ValueError, match=r"2\.txt, line 2: .*is not UTF-8"):
        read(folder)
    with pytest.warns(UserWarning) as record:
        captions = read(folder, max_bad_fraction=0.2)
    assert captions == {
        "0.png": ("a dog", "a\u2028cat\x0b."),
        "1.png": ("one", "two"),
        "2.png": ("good",),
    }
    assert "2.txt, line 2" in str(record[0].message)
    assert "3.png" in str(record[1].message)


COMPOSED, APART = (unicodedata.normalize(f, "é.png") for f in ("NFC", "NFD"))


@pytest.mark.parametrize(
    ("there", "named"),
    [
        ("a/1.png", "./a/1.png"),
        ("a/1.png", "a//../a/1.png"),
        ("a/1.png", "a\\1.png"),
        ("a/1.png", " a/1.png "),
        ("a/1.JPG", "a/1.jpg"),
        ("a/1.tif", "a/1.tif"),
        ("a/1.TIFF", "A/1.tiff"),
        (COMPOSED, APART),
        (APART, COMPOSED),
        ("a/1.png", "{folder}/a/1.png"),
        ("a/1.png", "{link}/a/1.png"),
        ("a/1.png", "album/a/1.png"),  # from the current folder
        ("a/1.png", "../album/a/1.png"),  # from the folder of the captions
    ],
)
def test_names_of_existing_images(there, named, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder, link = tmp_path / "album", tmp_path / "link"
    (folder / there).parent.mkdir(parents=True)
    (folder / there).touch()
    if "{link}" in named:
        link.symlink_to(folder)
    (tmp_path / "lists").mkdir()
    captions = tmp_path / "lists" / "captions.csv"
    named = named.format(folder=folder, link=link)
    write(captions, "image,caption", f"{named},night")
    for place in (folder, "album"):
        (record,) = kc.datasets.captioned_folder(place, captions)
        assert record.captions == ("night",)
        assert os.path.samefile(record.image, folder / there)


def test_an_ambiguous_name(tmp_path):
    for name in ("A.png", "a.png"):
        (tmp_path / name).touch()
    if len(list(tmp_path.iterdir())) < 2:
        pytest.skip("this system knows no upper case")
    write(tmp_path / "captions.csv", "image,caption", "a.png,1", "A.png,2")
    assert read(tmp_path) == {"a.png": ("1",), "A.png": ("2",)}
    write(tmp_path / "captions.csv", "image,caption", "a.PNG,night")
    with pytest.raises(ValueError, match=r"no image 'a\.PNG'"):
        read(tmp_path)
