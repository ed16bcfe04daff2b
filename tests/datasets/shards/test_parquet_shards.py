import itertools
import warnings

import numpy as np
import pytest

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
pytest.importorskip("PIL")

from keras_contrastive.datasets import image_shards  # noqa: E402
from keras_contrastive.datasets import image_text_shards  # noqa: E402
from keras_contrastive.datasets.tables.parquet_table import ParquetFile  # noqa: E402
from tests.datasets.tables.pictures import png  # noqa: E402

pytestmark = pytest.mark.one_backend

FILES, PER_FILE, GROUP = 3, 16, 4
TOTAL = FILES * PER_FILE


def tokenizer(texts):
    return np.array([[int(text.split()[0])] for text in texts], "int32")


def columns(numbers, **changed):
    """Pictures of gray `number`, with that number as caption."""
    return {
        "key": [f"{number:05}" for number in numbers],
        "jpg": [png(number) for number in numbers],
        "caption": [str(number) for number in numbers],
        **changed,
    }


def write(path, content, **arguments):
    path.parent.mkdir(exist_ok=True)
    arguments = {"row_group_size": GROUP, **arguments}
    parquet.write_table(pa.table(content), path, **arguments)


@pytest.fixture
def folder(tmp_path):
    for file in range(FILES):
        numbers = range(file * PER_FILE, (file + 1) * PER_FILE)
        write(tmp_path / "data" / f"{file:05}.parquet", columns(numbers))
    return tmp_path / "data"


def read(folder, batch_size=8, pattern="*.parquet", **kwargs):
    return image_text_shards(
        folder / pattern, tokenizer, batch_size, image_size=4, **kwargs
    )


def numbers(batches):
    found = []
    for batch in batches:
        texts = batch["texts"][:, 0]
        np.testing.assert_array_equal(batch["images"][:, 0, 0, 0], texts)
        found += texts.tolist()
    return found


def test_batches(folder):
    shards = read(folder, shuffle_buffer=0)
    assert len(shards) == 6
    assert numbers(shards) == list(range(TOTAL))
    ids = np.concatenate([batch["image_ids"] for batch in shards])
    assert ids.tolist() == list(range(TOTAL)) and ids.dtype == "int32"
    # A folder, a list, and a pattern mean the same.
    paths = sorted(map(str, folder.iterdir()))
    for urls in (folder, paths):
        again = image_text_shards(urls, tokenizer, 8, 4, shuffle_buffer=0)
        assert numbers(again) == list(range(TOTAL))


def test_epochs_and_resuming(folder):
    shards = read(folder, shuffle_buffer=6, seed=1)
    epochs = [numbers(shards) for _ in range(2)]
    assert all(sorted(epoch) == list(range(TOTAL)) for epoch in epochs)
    assert epochs[0] != epochs[1]
    # Row groups of several files are near each other.
    assert len({number // PER_FILE for number in epochs[0][:12]}) > 1
    again = read(folder, shuffle_buffer=6, seed=1, workers=1)
    again.epoch = 1
    assert numbers(again) == epochs[1]
    assert numbers(read(folder, shuffle_buffer=6, seed=2)) != epochs[0]


def test_hosts_share_the_row_groups_of_one_file(folder):
    """Disjoint and complete row groups, which change each epoch."""
    hosts = [
        read(folder, 4, "00001.parquet", num_hosts=2, host_index=index)
        for index in (0, 1)
    ]
    shares = []
    for _ in range(4):
        first, second = (numbers(host) for host in hosts)
        assert len(first) == len(second) == PER_FILE // 2
        assert sorted(first + second) == list(range(PER_FILE, 2 * PER_FILE))
        shares.append(frozenset(number // GROUP for number in first))
        assert len(shares[-1]) == 2
    assert len(set(shares)) > 1
    with pytest.raises(ValueError, match="number of row groups, 4. Rec.*5"):
        read(folder, 1, "00001.parquet", num_hosts=5, host_index=0)


def test_files_of_one_name(tmp_path):
    for number, name in enumerate("ab"):
        content = columns(range(8 * number, 8 * number + 8))
        content["jpg"][3] = b"damaged"
        write(tmp_path / name / "00000.parquet", content)
    with pytest.warns(UserWarning, match="2 of 16 examples"):
        shards = read(
            tmp_path,
            14,
            "*/*.parquet",
            shuffle_buffer=0,
            max_bad_fraction=0.3,
        )
        (batch,) = shards
    assert len(set(batch["image_ids"].tolist())) == 14
    assert list(shards.bad_examples) == [
        f"{tmp_path}/{name}/00000.parquet, row 3" for name in "ab"
    ]


@pytest.mark.parametrize("form", ["struct", "lists", "two columns"])
def test_forms_of_columns(tmp_path, form):
    """Hugging Face's images, and several captions."""
    images = [{"bytes": png(n), "path": f"{n}.png"} for n in range(8)]
    several = [[f"{n} first", None, f"{n} second"] for n in range(8)]
    content = {"image": images, "captions": several}
    arguments = {}
    if form == "two columns":
        first, _, second = zip(*several, strict=True)
        second = [None, *second[1:]]
        content = {"image": images, "de": first, "en": second}
        arguments["caption_key"] = ["de", "en"]
    if form == "lists":
        content["image"] = [png(n) for n in range(8)]
    write(tmp_path / "a.parquet", content)
    seen = set()

    def tokenizer(texts):
        seen.update(texts)
        return np.array([[int(text.split()[0])] for text in texts])

    shards = image_text_shards(tmp_path, tokenizer, 8, 4, **arguments)
    for _ in range(8):
        assert sorted(numbers(shards)) == list(range(8))
    expected = {f"{n} {each}" for n in range(8) for each in ("first", "second")}
    assert seen == expected - ({"0 second"} if "de" in content else set())


def test_named_columns(tmp_path):
    content = columns(range(8), url=["9 https"] * 8, other=[b"x"] * 8)
    write(tmp_path / "a.parquet", content)
    shards = read(tmp_path, image_key="jpg", caption_key="caption")
    assert sorted(numbers(shards)) == list(range(8))
    for arguments, message in (
        ({"caption_key": "txt"}, r"`caption_key` .*\['key', .*Received: 'txt'"),
        ({"caption_key": 7}, "`caption_key` must be a name"),
        ({"image_key": "png"}, "`image_key` must name .*Received: 'png'"),
        ({"image_key": 7}, "`image_key` must be a name"),
    ):
        with pytest.raises(ValueError, match=message):
            read(tmp_path, **arguments)
    write(tmp_path / "b" / "b.parquet", {"url": ["a"]})
    with pytest.raises(ValueError, match="`image_key` .*None, without any of"):
        read(tmp_path / "b")
    write(tmp_path / "b" / "b.parquet", {"image": [b"a"]})
    with pytest.raises(ValueError, match="`caption_key` .*None, without any"):
        read(tmp_path / "b")


def test_files_of_img2dataset(tmp_path):
    """Rows whose download failed have no image."""
    content = columns(range(8))
    content["jpg"][2] = content["jpg"][5] = None
    failed = [number in (2, 5) for number in range(8)]
    content["status"] = [
        "failed_to_download" if each else "success" for each in failed
    ]
    content["error_message"] = ["404" if each else None for each in failed]
    write(tmp_path / "00000.parquet", content)
    with pytest.warns(UserWarning, match="2 of 8 images were not downloaded"):
        shards = read(tmp_path, 6, shuffle_buffer=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            assert numbers(shards) == [0, 1, 3, 4, 6, 7]
    assert not shards.bad_examples
    del content["error_message"]  # a status column of other origin
    write(tmp_path / "00000.parquet", content)
    shards = read(tmp_path, 6, shuffle_buffer=0, max_bad_fraction=0.3)
    with pytest.warns(UserWarning, match="2 of 8 examples"):
        assert numbers(shards) == [0, 1, 3, 4, 6, 7]
    assert "no bytes in the column 'jpg'" in str(shards.bad_examples)


def test_bad_rows(tmp_path):
    content = columns(range(8))
    content["jpg"][1] = b"\xff\xd8\xff"
    content["caption"][2] = None
    content["caption"][6] = " "
    write(tmp_path / "a.parquet", content)
    shards = read(tmp_path, 5, shuffle_buffer=0, max_bad_fraction=0.5)
    with pytest.warns(UserWarning, match="3 of 8 examples") as record:
        for _ in range(2):
            assert numbers(shards) == [0, 3, 4, 5, 7]
    assert len(record) == 1
    assert list(shards.bad_examples) == [
        f"a.parquet, row {row}" for row in (1, 2, 6)
    ]
    with pytest.raises(ValueError, match="max_bad_fraction"):
        list(read(tmp_path, 5))
    write(tmp_path / "a.parquet", {**content, "caption": [7] * 8})
    with pytest.raises(ValueError, match="no caption"):
        list(read(tmp_path, 5))


def test_a_damaged_row_group(tmp_path):
    path = tmp_path / "a.parquet"
    write(path, columns(range(16)))
    content = bytearray(path.read_bytes())
    chunk = parquet.read_metadata(path).row_group(1).column(1)
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    content[start : start + 20] = b"\xff" * 20
    path.write_bytes(content)
    shards = read(tmp_path, 4, shuffle_buffer=0, max_bad_fraction=0.1)
    with pytest.warns(UserWarning, match="1 of 16(.|\n)*row group 1"):
        expected = [*range(4), *range(8, 16), *range(4)]
        assert numbers(shards) == expected
    path.write_bytes(b"PAR1 PAR1")
    with pytest.raises(ValueError, match="a.parquet is not a Parquet file"):
        read(tmp_path)


def test_a_row_group_is_not_in_memory_as_a_whole(tmp_path, monkeypatch):
    sizes = []
    rows = ParquetFile.rows

    def recorded(self, group, columns, batch_size):
        sizes.append(batch_size)
        return rows(self, group, columns, batch_size)

    monkeypatch.setattr(ParquetFile, "rows", recorded)
    write(tmp_path / "a.parquet", columns(range(200)), row_group_size=200)
    shards = read(tmp_path, 100)
    assert sorted(itertools.islice(numbers(shards), 200)) == list(range(200))
    assert sizes == [64] * len(sizes)


def test_archives_and_parquet_do_not_mix(folder):
    (folder / "a.tar").write_bytes(b"")
    with pytest.raises(ValueError, match="archives or Parquet files, not both"):
        image_text_shards(folder, tokenizer, 8, 4)
    with pytest.raises(
        ValueError, match="must be local paths.*https://a/b.parquet"
    ):
        image_text_shards("https://a/b.parquet", tokenizer, 8, 4)


def test_images_without_captions(folder):
    shards = image_shards(folder, 8, 4, shuffle_buffer=0)
    grays = np.concatenate([batch[:, 0, 0, 0] for batch in shards])
    assert grays.tolist() == list(range(TOTAL))
    write(folder / "b" / "b.parquet", {"picture": [png(5)] * 4})
    shards = image_shards(folder / "b", 4, 4, image_key="picture")
    assert (shards[0] == 5).all() and shards[0].shape == (4, 4, 4, 3)
