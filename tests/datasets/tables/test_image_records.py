"""Records from every source."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

Image = pytest.importorskip("PIL.Image")

import keras_contrastive as kc  # noqa: E402
from keras_contrastive.datasets import image_records  # noqa: E402
from tests.datasets.tables import pictures  # noqa: E402
from tests.datasets.tables.pictures import CAPTIONS  # noqa: E402
from tests.datasets.tables.pictures import CLASS_NAMES  # noqa: E402
from tests.datasets.tables.pictures import CLASSES  # noqa: E402
from tests.datasets.tables.pictures import COUNT  # noqa: E402
from tests.datasets.tables.pictures import GRAYS  # noqa: E402
from tests.datasets.tables.pictures import LABELS  # noqa: E402
from tests.datasets.tables.pictures import array  # noqa: E402
from tests.datasets.tables.pictures import grays_of  # noqa: E402
from tests.datasets.tables.pictures import png  # noqa: E402

pytestmark = pytest.mark.one_backend

NAMES = [f"images/{number}.png" for number in range(COUNT)]
COLUMNS = {"file": NAMES, "text": CAPTIONS, "class": CLASSES}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The pictures under images/, in the current folder."""
    monkeypatch.chdir(tmp_path)
    pictures.write_files(tmp_path / "images")
    return tmp_path


def rows(**columns):
    columns = columns or COLUMNS
    return [
        dict(zip(columns, row, strict=True))
        for row in zip(*columns.values(), strict=True)
    ]


def check(records, paths=None):
    """The six pictures, in order, each with its caption and its class."""
    assert len(records) == COUNT
    assert records.captions == [(caption,) for caption in CAPTIONS]
    assert records.labels.tolist() == LABELS
    assert records.class_names == CLASS_NAMES
    assert [record.image_id for record in records] == list(range(COUNT))
    loaded = kc.datasets.load_image_text(records, 4)
    assert grays_of(loaded.images) == GRAYS and loaded.captions == CAPTIONS
    if paths is not None:
        assert [Path(record.image) for record in records] == paths
    images = kc.datasets.ImageDataset(records, COUNT, 4, shuffle=False)
    assert grays_of(images[0]) == GRAYS


def names(**changed):
    return {"image": "file", "captions": "text", "label": "class", **changed}


# Files.


def delimited(delimiter):
    lines = [delimiter.join(COLUMNS)]
    lines += [
        delimiter.join(row) for row in zip(*COLUMNS.values(), strict=True)
    ]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    "suffix, delimiter",
    [(".csv", ","), (".csv", ";"), (".csv", "\t"), (".TSV", "\t")],
)
def test_delimited_text(folder, suffix, delimiter):
    table = folder / "data" / f"table{suffix}"
    table.parent.mkdir()
    table.write_text(delimited(delimiter))
    with pytest.raises(ValueError, match=r"can(.|\n)*data/images/\d.png"):
        kc.datasets.load_image_text(image_records(table, **names()), 4)
    records = image_records(table, **names(), folder=folder)
    check(records, [folder / name for name in NAMES])
    table = table.rename(folder / f"table{suffix}")
    check(image_records(str(table), **names()))


@pytest.mark.parametrize("suffix", [".jsonl", ".ndjson"])
def test_json_lines(folder, suffix):
    table = folder / f"table{suffix}"
    table.write_text("".join(f"{json.dumps(row)}\n\n" for row in rows()))
    check(image_records(table, **names()), [folder / name for name in NAMES])


def test_a_folder(folder):
    for number, name in enumerate(CLASSES):
        place = folder / "classes" / name
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.png").write_bytes(png(GRAYS[number]))
    records = image_records("classes")
    found = kc.datasets.image_folder("classes")
    assert [record.image for record in records] == list(map(str, found.paths))
    for each in (records, image_records(found)):
        assert each.labels.tolist() == found.labels.tolist()
        assert each.class_names == found.class_names == CLASS_NAMES
    assert image_records("images").labels is None
    with pytest.raises(ValueError, match="must hold captions"):
        image_records("images", captions="caption")
    (folder / "images" / "captions.csv").write_text(
        "image,caption\n2.png,one\n0.png,two\n2.png,three\n"
    )
    with pytest.warns(UserWarning, match="4 of 6 images have no caption"):
        records = image_records("images", captions="caption")
    assert records.captions == [("two",), ("one", "three")]
    with pytest.raises(ValueError, match="`folder` must be .*is a folder"):
        image_records("images", folder=folder)


@pytest.mark.parametrize("form", ["path", "bytes", "struct", "struct of paths"])
@pytest.mark.parametrize("files", [1, 3])
def test_parquet(folder, form, files):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    images = {
        "path": NAMES,
        "bytes": [png(gray) for gray in GRAYS],
        "struct": [{"bytes": png(gray), "path": "x.png"} for gray in GRAYS],
        "struct of paths": [{"bytes": None, "path": name} for name in NAMES],
    }[form]
    table = pa.table({**COLUMNS, "file": images, "unused": [[1.5]] * COUNT})
    paths = [folder / f"{number}.parquet" for number in range(files)]
    size = COUNT // files
    for number, path in enumerate(paths):
        part = table.slice(number * size, size)
        parquet.write_table(part, path, row_group_size=4)
    sources = [paths, list(map(str, paths)), "*.parquet"]
    sources += [folder / "0.parquet"] if files == 1 else []
    for source in sources:
        check(image_records(source, **names()))
    if "path" not in form:
        tables = folder / "tables"
        tables.mkdir()
        for path in paths:
            path.rename(tables / path.name)
        (tables / ".hidden.parquet").write_bytes(b"")
        check(image_records(tables, **names()))


# Tables and data sets in memory.


def test_pandas(folder):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(COLUMNS, index=range(7, 1, -1))
    check(image_records(frame, **names()))
    frame["class"] = frame["class"].astype("category")
    frame["text"] = frame["text"].astype("string")
    check(image_records(frame, **names()))
    records = image_records(frame["file"])
    assert [record.image for record in records] == NAMES
    frame.columns = ["file", "text", "text"]
    with pytest.raises(ValueError, match="different names.*'text', 'text'"):
        image_records(frame, "file")


def test_polars(folder):
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(COLUMNS)
    check(image_records(frame, **names()))
    frame = frame.with_columns(
        polars.Series("file", [png(gray) for gray in GRAYS]),
        polars.Series("text", [[caption] for caption in CAPTIONS]),
        polars.col("class").cast(polars.Categorical),
    )
    check(image_records(frame, **names()))
    with pytest.raises(ValueError, match="Call its method `collect`"):
        image_records(frame.lazy(), **names())


def test_pyarrow(folder):
    pa = pytest.importorskip("pyarrow")
    table = pa.table({**COLUMNS, "text": [[caption] for caption in CAPTIONS]})
    check(image_records(table, **names()))
    check(image_records(table.to_batches()[0], **names()))


def test_columns_and_rows(folder):
    check(image_records(COLUMNS, **names()))
    check(
        image_records({k: np.array(v) for k, v in COLUMNS.items()}, **names())
    )
    check(image_records(rows(), **names()))
    tuples = list(zip(*COLUMNS.values(), strict=True))
    check(image_records(tuples, 0, 1, 2))
    captioned = [
        kc.datasets.CaptionedImage(path, (caption,), 0)
        for path, caption in zip(NAMES, CAPTIONS, strict=True)
    ]
    records = image_records(captioned, captions="captions")
    assert [record[:2] for record in records] == [
        record[:2] for record in captioned
    ]
    assert len(image_records([array(gray) for gray in GRAYS])) == COUNT


def test_torch_dataset():
    torch = pytest.importorskip("torch")

    class Pictures(torch.utils.data.Dataset):
        def __len__(self):
            return COUNT

        def __getitem__(self, index):
            image = Image.fromarray(array(GRAYS[index]))
            return image, torch.tensor(LABELS[index]), CAPTIONS[index]

    records = image_records(Pictures(), image=0, captions=2, label=1)
    assert records.labels.tolist() == LABELS
    assert records.class_names == ["0", "1", "2"]
    loaded = kc.datasets.load_image_text(records, 4)
    assert grays_of(loaded.images) == GRAYS and loaded.captions == CAPTIONS
    with pytest.raises(ValueError, match=r"has \[0, 1, 2\]. Received: 'image'"):
        image_records(Pictures())


class DataSource:
    """The interface of `tfds.data_source`."""

    def __init__(self):
        class ClassLabel:
            names = CLASS_NAMES

        class Info:
            features = {"class": ClassLabel, "file": object, "text": object}

        self.dataset_info = Info

    def __len__(self):
        return COUNT

    def __getitem__(self, index):
        return {
            "file": array(GRAYS[index]),
            "class": np.int64(LABELS[index]),
            "text": CAPTIONS[index].encode(),
        }


def test_data_source_of_tensorflow_datasets():
    check(image_records(DataSource(), **names()))


def test_grain():
    grain = pytest.importorskip("grain")
    source = grain.MapDataset.source(rows(**{**COLUMNS, "file": GRAYS}))
    source = source.map(lambda row: {**row, "file": array(row["file"])})
    check(image_records(source, **names()))
    with pytest.raises(ValueError, match="can only be iterated.*image_stream"):
        image_records(source.to_iter_dataset(), **names())


class ImageFeature:
    """Hugging Face's `Image`."""

    def __init__(self, decode=True):
        self.decode = decode


ImageFeature.__name__ = "Image"


class ClassLabel:
    names = CLASS_NAMES


class HuggingFace:
    """The interface of a `datasets.Dataset`."""

    def __init__(self, columns, decode=True):
        self.columns = columns
        self.features = {
            "file": ImageFeature(decode),
            "text": None,
            "class": ClassLabel,
            "other": None,
        }

    def cast_column(self, name, feature):
        assert name == "file" and not feature.decode
        return HuggingFace(self.columns, decode=False)

    def select_columns(self, columns):
        chosen = {name: self.columns[name] for name in columns}
        return HuggingFace(chosen, self.features["file"].decode)

    def with_format(self, type):
        assert type is None
        return self

    def __len__(self):
        return COUNT

    def __getitem__(self, index):
        if self.features["file"].decode and "file" in self.columns:
            raise AssertionError("decoded")
        return {name: values[index] for name, values in self.columns.items()}


def test_hugging_face_is_not_decoded():
    images = [{"bytes": png(gray), "path": None} for gray in GRAYS]
    dataset = HuggingFace(
        {"file": images, "text": CAPTIONS, "class": LABELS, "other": LABELS}
    )
    check(image_records(dataset, **names()))


def test_hugging_face(folder):
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {
            "file": datasets.Image(),
            "text": datasets.List(datasets.Value("string")),
            "class": datasets.ClassLabel(names=CLASS_NAMES),
        }
    )
    content = {
        "file": [Image.fromarray(array(gray)) for gray in GRAYS],
        "text": [[caption] for caption in CAPTIONS],
        "class": LABELS,
    }
    dataset = datasets.Dataset.from_dict(content, features)
    check(image_records(dataset, **names()))
    check(image_records(dataset.with_format("numpy"), **names()))
    assert set(image_records(dataset, "file")[0].image) == {"bytes", "path"}
    direct = kc.datasets.ImageDataset(
        dataset.rename_column("file", "image"), COUNT, 4, shuffle=False
    )
    assert grays_of(direct[0]) == GRAYS
    assert isinstance(direct.records[0]["image"], dict)

    def transform(batch):
        images = [np.asarray(image) // 2 for image in batch["file"]]
        return {"file": images, "half": batch["text"]}

    records = image_records(dataset.with_transform(transform), "file", "half")
    loaded = kc.datasets.load_image_text(records, 4)
    assert grays_of(loaded.images) == [gray // 2 for gray in GRAYS]
    splits = datasets.DatasetDict({"train": dataset, "test": dataset})
    with pytest.raises(ValueError, match="one split .* source\\['train'\\]"):
        image_records(splits, **names())
    with pytest.raises(ValueError, match="can only be iterated.*image_stream"):
        image_records(dataset.to_iterable_dataset(), **names())


# Captions.


def test_three_forms_of_several_captions(folder):
    several = [(f"{caption} a", f"{caption} b") for caption in CAPTIONS]
    first, second = zip(*several, strict=True)
    forms = [
        image_records({"image": NAMES, "c": several}, captions="c"),
        image_records(
            {"image": NAMES, "c0": first, "c1": second}, captions=["c0", "c1"]
        ),
        image_records(
            {"image": NAMES + NAMES, "c": first + second}, captions="c"
        ),
    ]
    for records in forms:
        assert records.captions == several
        assert [record.captions for record in records] == several
        assert [record.image_id for record in records] == list(range(COUNT))
        assert [record.image for record in records] == NAMES
    with pytest.raises(
        ValueError, match="`captions` must name at least one column"
    ):
        image_records({"image": NAMES}, captions=[])


def test_remaining_captions(folder):
    lists = [["a", None, " "], np.array(["b", "c"], object), "d", [], ["e"], ()]
    table = {"image": NAMES, "c": lists, "more": [None, "", *"fghi"]}
    expected = [("a",), ("b", "c"), ("d", "f"), ("g",), ("e", "h"), ("i",)]
    records = image_records(table, captions=["c", "more"])
    assert records.captions == expected
    assert [record.captions for record in records] == expected


# Missing and unusual values.


def test_missing_values_are_bad_records(folder):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(COLUMNS)
    frame.loc[1, "file"] = None
    frame.loc[2, "text"] = float("nan")
    frame.loc[4, "file"] = " "
    frame.loc[[1, 3], "class"] = pandas.NA
    records = image_records(frame, **names())
    assert len(records) == COUNT
    with pytest.warns(UserWarning, match="2 of 6 labels in the column 'class'"):
        labels = records.labels
    assert labels.tolist() == [1, -1, 2, -1, 0, 0]
    assert records.captions[2] == ()
    with pytest.warns(UserWarning, match="3 of 6 images cannot be used"):
        loaded = kc.datasets.load_image_text(records, 4, max_bad_fraction=0.5)
    assert loaded.captions == [CAPTIONS[each] for each in (0, 3, 5)]
    dataset = kc.datasets.ImageDataset(records, 6, 4, max_bad_fraction=0.4)
    with pytest.warns(UserWarning, match="2 of 6"):
        list(dataset)
    with pytest.raises(ValueError, match="max_bad_fraction"):
        kc.datasets.load_image_text(records, 4)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"image": "img"}, r"`image` must .*\['file', .*Received: 'img'"),
        ({"captions": ["text", "t"]}, "`captions` must .*'text'.*: 't'"),
        ({"label": 2}, "`label` must name .*'class'.*Received: 2"),
        ({"captions": "none"}, "'none', which is empty in all 6 rows"),
        ({"label": "none"}, "`label` must name a column with values"),
        ({"image": "none"}, "`image` must name a column with values"),
        ({"image": "url"}, "`image` must.*the URL 'https://a/0.jpg'.*img2data"),
        ({"folder": "nowhere"}, "`folder` must be.*'nowhere'"),
        ({"max_bad_fraction": 2}, "`max_bad_fraction`"),
    ],
)
def test_errors_before_training(folder, changes, message):
    table = {
        **COLUMNS,
        "none": [None, float("nan"), "", " ", [], {"bytes": None}],
        "url": [f"https://a/{number}.jpg" for number in range(COUNT)],
    }
    with pytest.raises(ValueError, match=message):
        image_records(table, **names(**changes))


@pytest.mark.parametrize(
    "source, error, message",
    [
        ({"file": [], "text": [], "class": []}, ValueError, "at least one row"),
        ({"file": [1], "text": []}, ValueError, "lengths {'file': 1"),
        ([], ValueError, r"which has \[\]"),
        ("nowhere.csv", FileNotFoundError, "that exists.*nowhere.csv"),
        ("nowhere/*.parquet", FileNotFoundError, "that exists"),
        ("images/0.png", ValueError, "file of .csv, .tsv"),
        ("a.tar", ValueError, "image_shards"),
        ("a.json", ValueError, "json.load"),
        ("a.parquet", ValueError, "a.parquet is not a Parquet file"),
        (7, ValueError, "`source` must be a folder, .*Received: int, 7"),
        (b"abc", ValueError, "Received: bytes"),
        (iter([1]), ValueError, "can only be iterated"),
    ],
)
def test_sources_that_are_refused(folder, source, error, message):
    pytest.importorskip("pyarrow")
    for name in ("a.tar", "a.json", "a.parquet"):
        (folder / name).write_bytes(b"PAR1, but no more")
    with pytest.raises(error, match=message):
        image_records(source, **names())


def test_captions_are_needed_for_pairs(folder):
    records = image_records(COLUMNS, "file")
    assert records[0].captions == () and records.captions[0] == ()
    for read in (
        lambda: kc.datasets.load_image_text(records, 4),
        lambda: kc.datasets.ImageTextDataset(records, len, 2, 4),
    ):
        with pytest.raises(ValueError, match="image_records.*captions=..."):
            read()
    with pytest.raises(ValueError, match="image_records.file, image=...."):
        kc.datasets.ImageDataset("images/0.png", 2, 4)


def test_bad_lines(folder):
    lines = delimited(",").splitlines()
    lines[2:2] = ['images/0.png,"no end,dark', "images/1.png,too,many,fields"]
    lines[5:5] = ["images/2.png,too few"]
    content = "\n".join(lines).encode() + b"\nimages/0.png,caf\xe9,dark\n"
    Path("table.csv").write_bytes(content)
    with pytest.warns(UserWarning, match="4 of 11 lines.*\n.*line 11.*UTF-8"):
        records = image_records("table.csv", **names(), max_bad_fraction=0.4)
    check(records)
    with pytest.raises(ValueError, match="line 3: cannot be split"):
        image_records("table.csv", **names())
    good = "".join(f"{json.dumps(row)}\n" for row in rows())
    Path("table.jsonl").write_text(f'{good}[1]\n{{"file": \n{"[" * 10**5}\n')
    with pytest.warns(UserWarning, match="3 of 9 lines.*\n.*line 7: not a"):
        records = image_records("table.jsonl", **names(), max_bad_fraction=0.4)
    check(records)
    Path("table.csv").write_text("file,text,file\na,b,c\n")
    with pytest.raises(ValueError, match="'file' twice"):
        image_records("table.csv", **names())


def test_empty_columns_at_the_end(folder):
    Path("table.csv").write_text("file,text,,\nimages/0.png,a cat,,\n")
    records = image_records("table.csv", "file", "text")
    assert records.captions == [("a cat",)]


def test_commas_in_captions(folder):
    Path("table.csv").write_text("file,text\nimages/0.png,a cat, asleep\n")
    assert image_records("table.csv", "file", "text").captions == [
        ("a cat, asleep",)
    ]
    with pytest.raises(ValueError, match="3 columns instead of 2"):
        image_records("table.csv", "file", label="text")


def test_paths_of_other_systems(folder):
    composed, decomposed = "h\u00fctte.png", "hu\u0308tte.png"
    (folder / decomposed).write_bytes(png(20))
    (folder / "images" / composed).write_bytes(png(40))
    paths = [composed, f"images\\{composed}", " images/2.png ", "images\\3.png"]
    records = image_records({"image": paths, "c": list("abcd")}, captions="c")
    loaded = kc.datasets.load_image_text(records, 4)
    assert grays_of(loaded.images) == [20, 40, 60, 80]
    missing = image_records({"image": ["hu\u00fc.png"]})
    assert missing[0].image == "hu\u00fc.png"
    home = image_records({"image": ["~/a.png"]}, folder=folder)
    assert home[0].image == str(Path.home() / "a.png")


def test_labels_of_rows_of_one_image(folder):
    table = {
        "image": ["images/0.png", None, "images/1.png", "images/0.png", None],
        "label": [None, "b", "c", "a", "b"],
    }
    records = image_records(table, label="label")
    assert records.labels.tolist() == [0, 1, 2, 1]
    assert [record.image_id for record in records] == [0, 1, 2, 3]
    table["label"][0] = "b"
    with pytest.warns(UserWarning, match="1 of 4 images .* different labels"):
        labels = image_records(table, label="label").labels
    assert labels.tolist() == [1, 1, 2, 1]


def test_slices(folder):
    records = image_records(COLUMNS, **names())
    some = records[[4, 0, 3]]
    assert [record.image for record in some] == [NAMES[i] for i in (4, 0, 3)]
    assert [record.image_id for record in some] == [4, 0, 3]
    assert some.labels.tolist() == [0, 1, 2] and some.class_names == CLASS_NAMES
    assert some.captions == [(CAPTIONS[i],) for i in (4, 0, 3)]
    assert [r.image for r in some[1:]] == [NAMES[i] for i in (0, 3)]
    assert len(records[np.arange(6) % 2 == 0]) == 3
    assert records[-1].image == NAMES[-1]
    parts = [records[index : 6 // 4 * 4 : 4] for index in range(4)]
    assert [len(part) for part in parts] == [1, 1, 1, 1]
    assert [part[0].image for part in parts] == NAMES[:4]
    with pytest.raises(IndexError):
        records[6]
    assert repr(some) == (
        "<ImageRecords: 3 records of the dict, with captions, with labels>"
    )


def test_damaged_rows_of_a_data_set():
    class Damaged(list):
        def __getitem__(self, index):
            if index in (0, 2):
                raise SyntaxError("broken PNG")
            return super().__getitem__(index)

    source = Damaged(
        {"image": array(gray), "text": caption, "class": label}
        for gray, caption, label in zip(GRAYS, CAPTIONS, LABELS, strict=True)
    )
    records = image_records(source, captions="text", label="class")
    with pytest.warns(UserWarning, match="2 of 6 labels"):
        assert records.labels.tolist() == [-1, 1, -1, 2, 0, 0]
    with pytest.warns(UserWarning, match="records.0.*SyntaxError: broken PNG"):
        loaded = kc.datasets.load_image_text(records, 4, max_bad_fraction=0.4)
    assert len(loaded.images) == 4


def test_failed_downloads(folder):
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = {
        "jpg": [png(gray) for gray in GRAYS],
        "caption": CAPTIONS,
        "status": ["success"] * COUNT,
        "error_message": [None] * COUNT,
    }
    for row in (1, 5):
        table["jpg"][row] = None
        table["status"][row] = "failed_to_download"
        table["error_message"][row] = "HTTP Error 404"
    parquet.write_table(pa.table(table), "0.parquet", row_group_size=2)
    with pytest.warns(UserWarning, match="2 of 6 images.*\n- row 1: failed_to"):
        records = image_records("0.parquet", "jpg", "caption")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = kc.datasets.load_image_text(records, 4)
    kept = [0, 2, 3, 4]
    assert loaded.captions == [CAPTIONS[row] for row in kept]
    assert grays_of(loaded.images) == [GRAYS[row] for row in kept]
