import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

import keras_contrastive as kc  # noqa: E402
from keras_contrastive.datasets.pipeline.epoch_sampling import sample_epoch  # noqa: E402
from keras_contrastive.datasets.tables import parquet_table  # noqa: E402
from keras_contrastive.datasets.tables.parquet_table import ParquetFile  # noqa: E402
from keras_contrastive.datasets.tables.parquet_table import ParquetTable  # noqa: E402
from keras_contrastive.datasets.tables.table import Blocks  # noqa: E402
from tests.datasets.tables.pictures import png  # noqa: E402

pytestmark = pytest.mark.one_backend

COUNT, GROUP = 60, 5


@pytest.fixture
def path(tmp_path):
    """Sixty gray images in row groups of five, each padded to 50 kB."""
    noise = np.random.default_rng(0)
    table = {
        "image": [{"bytes": png(2 * n), "path": None} for n in range(COUNT)],
        "caption.en": [f"number {n}" for n in range(COUNT)],
        "payload": [noise.bytes(10_000) for _ in range(COUNT)],
    }
    path = tmp_path / "a.parquet"
    parquet.write_table(pa.table(table), path, row_group_size=GROUP)
    return path


@pytest.fixture
def reads(monkeypatch):
    """The row groups that were read, in order."""
    found = []
    read = ParquetFile.read

    def counted(self, group, columns):
        found.append((group, tuple(columns)))
        return read(self, group, columns)

    monkeypatch.setattr(ParquetFile, "read", counted)
    return found


def test_row_groups_are_read_once(path, reads):
    table = ParquetTable([path], "a").select(["image", "caption.en"])
    assert len(table) == COUNT and table.blocks is None
    with ThreadPoolExecutor(8) as pool:
        rows = list(pool.map(table.row, [*range(COUNT)] * 3))
    assert [row["caption.en"] for row in rows[:COUNT]] == [
        f"number {n}" for n in range(COUNT)
    ]
    assert rows[7]["image"] == {"bytes": png(14), "path": None}
    assert set(rows[0]) == {"image", "caption.en"}
    assert sorted(group for group, _ in reads) == list(range(12))


def test_a_single_column(path, reads):
    table = ParquetTable([path], "a").select(["image", "caption.en"])
    assert list(table.values("caption.en"))[-1] == "number 59"
    assert {columns for _, columns in reads} == {("caption.en",)}


def test_large_files_are_shuffled_by_row_groups(path, reads, monkeypatch):
    monkeypatch.setattr(parquet_table, "CACHE_BYTES", 150_000)
    records = kc.datasets.image_records(path, label="payload")
    blocks = records.blocks
    assert blocks.window == 2
    assert blocks.of_rows.tolist() == [n // GROUP for n in range(COUNT)]
    some = records[[59, 3, 4, 30]]
    assert some.blocks.of_rows.tolist() == [11, 0, 0, 6]
    reads.clear()
    dataset = kc.datasets.ImageDataset(records, 6, 4, workers=2)
    reads.clear()
    epochs = []
    for dataset.epoch in (0, 1):
        epochs.append([batch[:, 0, 0, 0] for batch in dataset])
    for epoch in epochs:
        numbers = np.concatenate(epoch) // 2
        assert sorted(numbers) == list(range(COUNT))
    # Once an epoch, and a few again for the batches that are read ahead.
    assert len(reads) <= 2 * 12 + 8
    again = kc.datasets.ImageDataset(records, 6, 4)
    first = [batch[:, 0, 0, 0] for batch in again]
    np.testing.assert_array_equal(first, epochs[0])


def test_order_of_blocks():
    """Each record once; few blocks in use; neighbors are mixed."""
    blocks = Blocks(np.repeat(np.arange(40), 50), 4)
    orders = [
        sample_epoch(seed, 0, 2000, True, blocks).order for seed in (0, 1)
    ]
    for order in orders:
        assert sorted(order) == list(range(2000))
        sequence = blocks.of_rows[order]
        moments = [np.flatnonzero(sequence == block) for block in range(40)]
        first = np.array([each[0] for each in moments])
        last = np.array([each[-1] for each in moments])
        in_use = [((first <= t) & (t <= last)).sum() for t in range(2000)]
        assert max(in_use) <= 5
        same = (sequence[1:] == sequence[:-1]).mean()
        assert same < 0.35
    assert (orders[0] != orders[1]).mean() > 0.9
    in_order = sample_epoch(0, 0, 2000, False, blocks).order
    assert in_order.tolist() == list(range(2000))


def test_resuming_sees_the_same_data(path, monkeypatch):
    monkeypatch.setattr(parquet_table, "CACHE_BYTES", 20_000)
    records = kc.datasets.image_records(path, captions="caption.en")

    def lengths(captions):
        return np.array([[int(text.split()[1])] for text in captions])

    def dataset():
        return kc.datasets.ImageTextDataset(records, lengths, 7, 4, seed=3)

    whole, resumed = dataset(), dataset()
    epochs = []
    for whole.epoch in (0, 1):
        epochs.append([batch["texts"].tolist() for batch in whole])
    assert epochs[0] != epochs[1]
    resumed.epoch = 1
    assert [batch["texts"].tolist() for batch in resumed] == epochs[1]


def test_a_damaged_row_group(path):
    content = bytearray(path.read_bytes())
    start = parquet.read_metadata(path).row_group(3).column(0).data_page_offset
    content[start : start + 20] = b"\xff" * 20
    path.write_bytes(content)
    records = kc.datasets.image_records(path)
    images = ParquetTable([path], "a").values("image")
    missing = [n for n, image in enumerate(images) if image is None]
    assert missing == list(range(15, 20))
    dataset = kc.datasets.ImageDataset(records, 6, 4, max_bad_fraction=0.1)
    with pytest.warns(UserWarning, match="5 of 60(.|\n)*row group 3 of"):
        (*batches,) = dataset
    assert len(batches) == 10
    with pytest.raises(ValueError, match="max_bad_fraction"):
        list(kc.datasets.ImageDataset(records, 6, 4))


def test_other_threads_do_not_wait_for_a_row_group(path, monkeypatch):
    table = ParquetTable([path], "a")
    reading, go_on = threading.Event(), threading.Event()
    read = ParquetFile.read

    def slow(self, group, columns):
        if group == 0:
            reading.set()
            assert go_on.wait(20)
        return read(self, group, columns)

    monkeypatch.setattr(ParquetFile, "read", slow)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(table.row, 0)
        assert reading.wait(20)
        assert table.row(59)["caption.en"] == "number 59"
        go_on.set()
        assert waiting.result()["caption.en"] == "number 0"


def test_files_of_other_columns(path, tmp_path):
    other = tmp_path / "b.parquet"
    parquet.write_table(pa.table({"x": [1]}), other)
    with pytest.raises(ValueError, match="same columns.*a.parquet.*b.parquet"):
        ParquetTable([path, other], "both")
