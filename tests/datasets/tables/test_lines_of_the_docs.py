"""Runs the lines of code in the table of docs/datasets.md."""

import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("PIL")

import keras_contrastive as kc  # noqa: E402
from tests.datasets.tables import pictures  # noqa: E402
from tests.datasets.tables.pictures import CAPTIONS  # noqa: E402
from tests.datasets.tables.pictures import CLASSES  # noqa: E402
from tests.datasets.tables.pictures import COUNT  # noqa: E402
from tests.datasets.tables.pictures import GRAYS  # noqa: E402
from tests.datasets.tables.pictures import array  # noqa: E402
from tests.datasets.tables.pictures import png  # noqa: E402
from tests.fuzz.readers import archive  # noqa: E402

pytestmark = pytest.mark.one_backend

PAGE = Path(__file__).parents[3] / "docs" / "datasets.md"
LINES = re.findall(r"^\| .* \| `(.* = kc\..*)` \|$", PAGE.read_text(), re.M)
NAMES = [f"photographs/{number}.png" for number in range(COUNT)]
COLUMNS = {"file": NAMES, "text": CAPTIONS, "species": CLASSES}
ROWS = [
    dict(zip(COLUMNS, row, strict=True))
    for row in zip(*COLUMNS.values(), strict=True)
]


def needed(package):
    return pytest.importorskip(package)


def frame():
    return needed("pandas").DataFrame(COLUMNS)


def table():
    return needed("pyarrow").table(
        {"image": NAMES, "text": CAPTIONS, "title": CLASSES}
    )


def dataset():
    datasets = needed("datasets")
    columns = {"img": NAMES, "fine_label": CLASSES}
    dataset = datasets.Dataset.from_dict(columns)
    return dataset.cast_column("img", datasets.Image())


def data_source():
    return [
        {"image": png(gray), "label": label}
        for gray, label in zip(GRAYS, CLASSES, strict=True)
    ]


def map_dataset():
    return needed("grain").MapDataset.source(data_source())


def torch_dataset():
    data = needed("torch").utils.data
    images = np.stack([array(gray) for gray in GRAYS])
    return data.StackDataset(images, np.arange(COUNT))


def rows():
    return ROWS


def stream():
    dataset = needed("datasets").Dataset.from_list(
        [{"img": row["file"], "text": row["text"]} for row in ROWS]
    )
    return dataset.to_iterable_dataset()


def tokenizer():
    return lambda texts: np.array([[len(text)] for text in texts])


SOURCES = (
    frame,
    table,
    dataset,
    data_source,
    map_dataset,
    torch_dataset,
    rows,
    stream,
    tokenizer,
)


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("photographs", "captioned"):
        pictures.write_files(tmp_path / folder)
    for number, caption in enumerate(CAPTIONS):
        Path(f"captioned/{number}.txt").write_text(caption)
    lines = [",".join(COLUMNS)] + [",".join(row.values()) for row in ROWS]
    Path("pairs.csv").write_text("\n".join(lines))
    Path("data").mkdir()
    Path("shards").mkdir()


def write_parquet():
    pa = needed("pyarrow")
    from pyarrow import parquet

    for shard in range(2):
        part = slice(3 * shard, 3 * shard + 3)
        images = [{"bytes": png(gray), "path": None} for gray in GRAYS[part]]
        parquet.write_table(
            pa.table({"image": images, "text": CAPTIONS[part]}),
            f"data/train-{shard}.parquet",
        )


def write_archives():
    needed("webdataset")
    for shard in range(2):
        part = range(3 * shard, 3 * shard + 3)
        members = []
        for number in part:
            members.append((f"{number}.png", png(GRAYS[number])))
            members.append((f"{number}.txt", CAPTIONS[number].encode()))
        Path(f"shards/{shard}.tar").write_bytes(archive(members))


def test_there_are_lines():
    assert len(LINES) >= 16, LINES


@pytest.mark.parametrize("line", LINES)
def test_line(line, files):
    if "parquet" in line:
        write_parquet()
    if ".tar" in line:
        write_archives()
    scope = {"kc": kc}
    for source in SOURCES:
        if re.search(rf"[( ]{source.__name__}\b", line):
            scope[source.__name__] = source()
    exec(line, scope)
    if "batches" in scope:
        batches = list(scope["batches"])
        images = [b["images"] if isinstance(b, dict) else b for b in batches]
        assert sorted(pictures.grays_of(np.concatenate(images))) == GRAYS
        assert isinstance(batches[0], dict) == ("text_s" in line)
        return
    records = scope["records"]
    assert len(records) == COUNT
    images = kc.datasets.ImageDataset(records, COUNT, 4, shuffle=False)
    assert pictures.grays_of(images[0]) == GRAYS
    assert ("label" in line) == (records.labels is not None)
    assert records.has_captions == ("captions=" in line)
    if records.has_captions:
        assert [texts[0] for texts in records.captions] == CAPTIONS
