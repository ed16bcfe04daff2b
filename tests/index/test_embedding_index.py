"""Search in embeddings, and the files of an index."""

import json
import tracemalloc
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.index import EmbeddingIndex
from keras_contrastive.index import exact_search

pytestmark = pytest.mark.one_backend


@pytest.fixture
def rows(rng):
    return rng.standard_normal((300, 8))


def slow_search(rows, query, k, kept=None):
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    similarity = rows @ (query / np.linalg.norm(query))
    if kept is not None:
        similarity = np.where(kept, similarity, -np.inf)
    order = np.argsort(-similarity, kind="stable")[:k]
    return order, similarity[order]


@pytest.mark.parametrize("block_rows", [7, 64, 1000])
def test_finds_what_a_loop_finds(rows, rng, monkeypatch, block_rows):
    monkeypatch.setattr(exact_search, "BLOCK_BYTES", 4 * 8 * block_rows)
    monkeypatch.setattr(exact_search, "QUERIES", 3)
    names = np.array([f"{i:03d}.jpg" for i in range(300)])
    year = 2000 + np.arange(300) % 30
    index = EmbeddingIndex(rows, names, {"year": year})
    queries = rng.standard_normal((5, 8))
    for where, kept in (
        (None, None),
        (lambda columns: columns["year"] > 2026, year > 2026),
        ({"year": [2001, 2003]}, np.isin(year, [2001, 2003])),
        ({"year": 2002}, year == 2002),
    ):
        results = index.search(queries, 10, where)
        assert results.ids.shape == (5, 10)
        for query, ids, found in zip(queries, *results, strict=True):
            expected, similarity = slow_search(rows, query, 10, kept)
            np.testing.assert_array_equal(ids, names[expected])
            np.testing.assert_allclose(found, similarity, atol=1e-6)
    one = index.search(queries[0], 3)
    np.testing.assert_array_equal(one.ids, index.search(queries, 3).ids[0])
    assert len(index.search(queries[0], 50, {"year": 2002}).ids) == 10


def test_equal_rows_come_in_their_order(monkeypatch):
    monkeypatch.setattr(exact_search, "BLOCK_BYTES", 4 * 2 * 3)
    rows = np.tile([[1.0, 0.0], [0.0, 1.0]], (10, 1))
    results = EmbeddingIndex(rows).search(np.array([1.0, 0.0]), 6)
    assert results.ids.tolist() == [0, 2, 4, 6, 8, 10]


def test_adds_and_removes(rows):
    names = [f"{i}" for i in range(300)]
    whole = EmbeddingIndex(rows, metadata={"name": names})
    index = EmbeddingIndex(rows[:5], metadata={"name": names[:5]})
    index.add(rows[5:], metadata={"name": names[5:]})
    np.testing.assert_array_equal(index.ids, np.arange(300))
    np.testing.assert_array_equal(index.embeddings, whole.embeddings)
    assert index.metadata["name"][299] == "299"
    index.remove([3, 299])
    index.remove(0)
    assert len(index) == 297
    assert not np.isin([0, 3, 299], index.ids).any()
    assert index.metadata["name"].tolist() == [str(i) for i in index.ids]
    assert index.search(rows[3], 1).ids[0] != 3
    index.add(rows[3:4], [3], {"name": ["again"]})
    assert index.search(rows[3], 1).ids.tolist() == [3]


def test_an_empty_index(rows, tmp_path):
    EmbeddingIndex().save(tmp_path / "index")
    for index in (EmbeddingIndex(), EmbeddingIndex.load(tmp_path / "index")):
        assert len(index) == 0
        assert index.embeddings.shape == (0, 0)
        index.add(rows, metadata={"year": range(300)})
        assert index.search(rows[7], 1).ids.tolist() == [7]
        index.remove(range(300))
        assert len(index) == 0


def test_columns_of_objects_are_not_saved(rows, tmp_path):
    index = EmbeddingIndex(rows)
    index.metadata["label"] = np.array([None] * 300)
    with pytest.raises(ValueError, match="allow_pickle"):
        index.save(tmp_path / "index")
    assert not list(tmp_path.iterdir())


def test_files(rows, tmp_path):
    index = EmbeddingIndex(
        rows,
        [Path(f"a/{i}.jpg") for i in range(300)],
        {"label": np.arange(300), "is_good": np.arange(300) % 2 == 0},
    )
    index.save(tmp_path / "new" / "index")
    loaded = EmbeddingIndex.load(tmp_path / "new" / "index")
    assert isinstance(loaded.embeddings, np.memmap)
    for mmap in (True, False):
        loaded = EmbeddingIndex.load(tmp_path / "new" / "index", mmap=mmap)
        assert isinstance(loaded.embeddings, np.memmap) == mmap
        for one, other in zip(
            loaded.search(rows[:4]), index.search(rows[:4]), strict=True
        ):
            np.testing.assert_array_equal(one, other)
        assert loaded.metadata.keys() == index.metadata.keys()
        np.testing.assert_array_equal(
            loaded.metadata["is_good"], index.metadata["is_good"]
        )
    # Replaced, also while it is read from there; a note beside it stays.
    (tmp_path / "new" / "index" / "notes.txt").write_text("mine")
    loaded = EmbeddingIndex.load(tmp_path / "new" / "index")
    loaded.remove("a/0.jpg")
    loaded.save(tmp_path / "new" / "index")
    assert len(EmbeddingIndex.load(tmp_path / "new" / "index")) == 299
    notes = [each.read_text() for each in tmp_path.rglob("notes.txt")]
    assert notes == ["mine"]


def test_a_save_that_fails_keeps_the_index(rows, tmp_path, monkeypatch):
    path = tmp_path / "index"
    EmbeddingIndex(rows).save(path)
    rename = Path.rename

    def fails(*_, **__):
        raise OSError("full")

    def fails_once(self, target):
        if self.suffix == ".tmp":
            fails()
        return rename(self, target)

    for owner, name, broken in (
        (np, "save", fails),
        (Path, "rename", fails_once),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(owner, name, broken)
            with pytest.raises(OSError, match="full"):
                EmbeddingIndex(rows[:3]).save(path)
        assert len(EmbeddingIndex.load(path)) == 300
        assert [each.name for each in tmp_path.iterdir()] == ["index"]
    # A file that is missing is no reason to keep the folder.
    (path / "array-000.npy").unlink()
    with pytest.raises(ValueError, match="array-000.npy is missing"):
        EmbeddingIndex.load(path)
    EmbeddingIndex(rows[:3]).save(path)
    assert len(EmbeddingIndex.load(path)) == 3
    assert [each.name for each in tmp_path.iterdir()] == ["index"]


def test_files_that_are_not_ours(rows, tmp_path):
    path = tmp_path / "index"
    EmbeddingIndex(rows).save(path)
    manifest = json.loads((path / "index.json").read_text())
    # A pickle is not read, whatever its checksum.
    array = path / manifest["arrays"]["ids"]["file"]
    np.save(array, np.array([None] * 300), allow_pickle=True)
    for mmap in (True, False):
        with pytest.raises(ValueError, match="allow_pickle=False"):
            EmbeddingIndex.load(path, verify=False, mmap=mmap)
    # Nor is a file outside the folder.
    np.save(tmp_path / "outside.npy", np.arange(300))
    manifest["arrays"]["ids"]["file"] = "../outside.npy"
    (path / "index.json").write_text(json.dumps(manifest))
    with pytest.raises(FileNotFoundError):
        EmbeddingIndex.load(path, verify=False)
    for content in (json.dumps({**manifest, "format": "x"}), "[]", "{"):
        (path / "index.json").write_text(content)
        for act in (EmbeddingIndex.load, EmbeddingIndex(rows).save):
            with pytest.raises(ValueError, match="`path` must be"):
                act(path)


def test_integers_of_any_kind_as_ids(rows):
    for dtype in ("int8", "uint8", "uint64"):
        index = EmbeddingIndex(rows[:2], np.array([3, 127], dtype))
        index.add(rows[2:4])
        index.add(rows[4:5], np.array([7], "uint64"))
        assert index.ids.tolist() == [3, 127, 128, 129, 7]
        assert index.ids.dtype == "int64"
    with pytest.raises(ValueError, match=r"below 2\*\*63. Received: 1844"):
        EmbeddingIndex(rows[:1], np.array([2**64 - 1], "uint64"))


def test_damage_and_other_files(rows, tmp_path):
    EmbeddingIndex(rows).save(tmp_path / "index")
    array = tmp_path / "index" / "array-000.npy"
    content = bytearray(array.read_bytes())
    content[-1] ^= 1
    array.write_bytes(content)
    with pytest.raises(ValueError, match="array-000.npy is missing or damaged"):
        EmbeddingIndex.load(tmp_path / "index")
    EmbeddingIndex.load(tmp_path / "index", verify=False)
    manifest = tmp_path / "index" / "index.json"
    changed = {**json.loads(manifest.read_text()), "version": 2}
    manifest.write_text(json.dumps(changed))
    with pytest.raises(ValueError, match="version=2"):
        EmbeddingIndex.load(tmp_path / "index")
    with pytest.raises(FileNotFoundError, match="must be the folder"):
        EmbeddingIndex.load(tmp_path / "nothing")
    (tmp_path / "photographs").mkdir()
    (tmp_path / "photographs" / "1.jpg").write_text("mine")
    for act in (EmbeddingIndex.load, EmbeddingIndex(rows).save):
        with pytest.raises(ValueError, match="`path` must be"):
            act(tmp_path / "photographs")
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == []
    assert not list(tmp_path.glob("*.tmp"))


def test_built_by_models(rng):
    images = rng.random((6, 8, 8, 3)).astype("float32")
    encoder = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.GlobalAveragePooling2D()]
    )
    labels = np.arange(6) % 2
    index = EmbeddingIndex.build(encoder, (images, labels), verbose=0)
    assert index.search(images[4].mean(axis=(0, 1)), 1).ids.tolist() == [4]
    np.testing.assert_array_equal(index.metadata["label"], labels)

    text_encoder = keras.Sequential(
        [
            keras.Input((3,), dtype="int32"),
            keras.layers.Embedding(9, 4),
            keras.layers.GlobalAveragePooling1D(),
        ]
    )
    clip = kc.CLIPModel(encoder, text_encoder, projection_dim=5)
    embedded = clip.predict({"images": images}, verbose=0)["image_embeddings"]

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            return images[2 * index : 2 * index + 2]

    for data in (images, Batches()):
        index = EmbeddingIndex.build(clip, data, list("abcdef"), verbose=0)
        np.testing.assert_allclose(index.embeddings, embedded, atol=1e-6)
        sentence = clip.encode_text(np.array([[1, 2, 3]]))
        assert index.search(sentence, 2).ids.shape == (1, 2)


def test_batches_and_progress_of_building(rng, capsys):
    images = rng.random((257, 1, 1, 3)).astype("float32")
    encoder = keras.Sequential([keras.Input((1, 1, 3)), keras.layers.Flatten()])
    for arguments, progress in (
        ({}, "2/2"),
        ({"batch_size": 100}, "3/3"),
        ({"verbose": 0}, ""),
    ):
        index = EmbeddingIndex.build(
            encoder, images, metadata={"number": range(257)}, **arguments
        )
        shown = capsys.readouterr().out
        assert progress in shown if progress else not shown
    assert index.search(images[:2, 0, 0]).ids.shape == (2, 10)
    assert index.metadata["number"].tolist() == list(range(257))


def test_progress_of_near_duplicates(rng, monkeypatch, capsys):
    near_duplicates = kc.index.near_duplicates
    monkeypatch.setitem(near_duplicates.__globals__, "ROWS", 2)
    rows = rng.standard_normal((5, 8))
    # The bounds of the threshold, and a pair that is exactly there.
    assert near_duplicates(rows, -1) == [[0, 1, 2, 3, 4]]
    assert near_duplicates(np.eye(8)[[0, 1, 0]], 1) == [[0, 2]]
    assert capsys.readouterr().out == ""
    monkeypatch.setitem(near_duplicates.__globals__, "PROGRESS_BAR_FROM", 5)
    near_duplicates(rows, verbose=False)
    near_duplicates(rows[:4])
    assert capsys.readouterr().out == ""
    near_duplicates(rows)
    assert "5/5" in capsys.readouterr().out
    EmbeddingIndex(rows).near_duplicates(verbose=False)
    assert capsys.readouterr().out == ""
    EmbeddingIndex(rows).near_duplicates()
    assert "5/5" in capsys.readouterr().out


def test_copies_are_found_at_a_threshold_of_one(rng):
    """Though the products of equal rows round to less than 1, or more."""
    rows = rng.standard_normal((40, 8)).astype("float32")
    twice = np.concatenate([rows, rows])
    groups = kc.index.near_duplicates(twice, 1.0, verbose=False)
    assert groups == [[i, i + 40] for i in range(40)]
    assert len(kc.curation.leaks(rows, rows, 1.0)["test_row"]) == 40


def test_groups_are_chains_across_blocks(rng, monkeypatch):
    monkeypatch.setitem(kc.index.near_duplicates.__globals__, "ROWS", 4)
    angles = np.array([0, 90, 180, 270] * 3)
    angles[[2, 7, 9, 10]] = 20, 40, 60, 30
    rows = np.stack([np.cos(np.radians(angles)), np.sin(np.radians(angles))])
    groups = kc.index.near_duplicates(rows.T, np.cos(0.37), verbose=False)
    assert groups == [[0, 2, 4, 7, 8, 9, 10], [3, 11], [1, 5]] or groups == [
        [0, 2, 4, 7, 8, 9, 10],
        [1, 5],
        [3, 11],
    ]


def test_ids_are_paths_in_any_collection(rows):
    names = [Path(f"a {i} é.jpg") for i in range(len(rows))]
    classes = ["cat", "dog"] * (len(rows) // 2)
    index = EmbeddingIndex(rows, names, {"class": classes})
    for kept in ({"cat"}, {"cat": 1}.keys(), ["cat"], np.array(["cat"]), "cat"):
        found = index.search(rows[0], len(rows), where={"class": kept}).ids
        assert len(found) == classes.count("cat")
    index.remove(names[0])
    index.remove({str(names[1]), names[2]})
    index.remove([])
    assert index.ids.tolist() == [str(name) for name in names[3:]]


@pytest.mark.parametrize("ids", [[True, False], True, [0.0], [1, "a"], None])
def test_what_is_no_id_is_not_removed(rows, ids):
    """A mask would remove the rows with the ids 0 and 1."""
    index = EmbeddingIndex(rows)
    with pytest.raises(ValueError, match="`ids` must be strings"):
        index.remove(ids)
    assert len(index) == len(rows)
    if ids == [1, "a"]:
        with pytest.raises(ValueError, match="`ids` must be strings"):
            EmbeddingIndex(rows[:2], ids)


def test_near_duplicates_are_found_block_by_block(rng, monkeypatch):
    near_duplicates = kc.index.near_duplicates
    monkeypatch.setitem(near_duplicates.__globals__, "ROWS", 128)
    rows = rng.standard_normal((1024, 4)).astype("float32")
    rows[[5, 1000]] = rows[[6, 70]]
    tracemalloc.start()
    try:
        assert near_duplicates(rows, 0.999999) == [[5, 6], [70, 1000]]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # 128 by 128 similarities take 64 kB, 128 by 1024 take 512 kB.
    assert peak < 400e3


def test_near_duplicates(rng, monkeypatch):
    near_duplicates = kc.index.near_duplicates
    monkeypatch.setitem(near_duplicates.__globals__, "ROWS", 4)
    rows = rng.standard_normal((12, 64))
    rows[7] = 3.0 * rows[2]
    rows[9] = rows[2] + 0.1 * rng.standard_normal(64)
    rows[10] = rows[0]
    assert near_duplicates(rows, 0.95) == [[2, 7, 9], [0, 10]]
    assert near_duplicates(rows, 0.999) == [[0, 10], [2, 7]]
    names = np.array(list("abcdefghijkl"))
    index = EmbeddingIndex(rows, names)
    assert index.near_duplicates(0.95) == [["c", "h", "j"], ["a", "k"]]
    assert EmbeddingIndex().near_duplicates() == []
    for wrong in (1.5, -1.1, np.nan, "high"):
        with pytest.raises(ValueError, match=r"`threshold` must be in \[-1, 1"):
            near_duplicates(rows, wrong)


def test_errors(rows):
    index = EmbeddingIndex(rows, metadata={"year": np.arange(300)})
    for act, message in (
        (lambda: EmbeddingIndex(rows, [0] * 300), "Received twice: "),
        (lambda: EmbeddingIndex(rows, [0.5] * 300), "must be strings, or"),
        (lambda: EmbeddingIndex(rows, range(5)), "300 strings or ints"),
        (lambda: EmbeddingIndex(rows * np.nan), "must be finite"),
        (lambda: EmbeddingIndex(ids=[1]), "must come with"),
        (lambda: EmbeddingIndex(metadata={"a": [1]}), "must come with"),
        (lambda: EmbeddingIndex(rows, metadata={"a": [None] * 300}), "'a'"),
        (lambda: index.add(rows[:1]), "must have the columns of the index"),
        (lambda: index.add(rows[:1], [5], {"year": [1]}), "twice: .5"),
        (lambda: index.add(rows[:1], ["a"], {"year": [1]}), "of one kind"),
        (lambda: index.add(rows[:1], None, {"year": ["a"]}), "kind of int64"),
        (lambda: index.add(rows[:, :3], None, {"year": [1]}), "8 columns"),
        (lambda: index.remove([5, 300]), r"\[300\], which are not"),
        (lambda: index.search(rows[:, :3]), "8 columns"),
        (lambda: index.search(rows, 0), "`k` must be a positive integer"),
        (lambda: index.search(rows, where={"yeer": 1}), "yeer"),
        (lambda: index.search(rows, where={"year": -1}), "fits no row"),
        (lambda: index.search(rows, where=len), "must return 300 booleans"),
        (lambda: index.search(rows, where=lambda c: c["year"]), "300 booleans"),
        (lambda: index.search(rows, where=lambda c: [True]), "300 booleans"),
        (lambda: EmbeddingIndex(rows[:1], ["a"]).add(rows), "must be given"),
        (lambda: EmbeddingIndex().search(rows), "the index is empty"),
    ):
        with pytest.raises(ValueError, match=message):
            act()
    assert len(index) == 300


def test_parquet_files_of_other_tools(rows, tmp_path):
    pandas = pytest.importorskip("pandas", reason="needs pandas")
    pytest.importorskip("pyarrow", reason="needs the extra `parquet`")
    table = pandas.DataFrame(
        {
            "image": [f"{i}.png" for i in range(9)],
            "embedding": list(rows[:9]),
            "label": ["cat", None, "dog"] * 3,
            "year": range(9),
            "box": [[1, 2]] * 9,
        }
    )
    for start in (0, 4):
        part = table[start : start + 4 + start // 4]
        part.to_parquet(tmp_path / f"{start}.parquet")
    index = EmbeddingIndex.from_parquet(tmp_path)
    assert index.ids.tolist() == table["image"].tolist()
    assert index.metadata["label"].tolist() == ["cat", "", "dog"] * 3
    assert index.metadata["year"].tolist() == list(range(9))
    assert set(index.metadata) == {"label", "year"}
    expected = EmbeddingIndex(rows[:9].astype("float32"))
    np.testing.assert_array_equal(index.embeddings, expected.embeddings)
    part = EmbeddingIndex.from_parquet(tmp_path / "4.parquet", ids=None)
    assert part.ids.tolist() == [0, 1, 2, 3, 4] and "image" in part.metadata
    # Ids of another type than a plain string.
    categories = table.astype({"image": "category"})
    categories.to_parquet(tmp_path / "categories.parquet")
    index = EmbeddingIndex.from_parquet(tmp_path / "categories.parquet")
    assert index.ids.tolist() == table["image"].tolist()
    (tmp_path / "categories.parquet").unlink()
    (tmp_path / "empty").mkdir()

    (tmp_path / "parts").mkdir()
    table.to_parquet(tmp_path / "parts" / "0.parquet")
    table["embedding"] = [[1.0]] * 9
    table.to_parquet(tmp_path / "parts" / "1.parquet")
    with pytest.raises(ValueError, match="must have one length"):
        EmbeddingIndex.from_parquet(tmp_path / "parts")
    table["embedding"] = [[1.0, 2.0]] * 8 + [[1.0]]
    table.to_parquet(tmp_path / "unequal.parquet")
    for path, error, message in (
        (tmp_path / "unequal.parquet", ValueError, "must have one length"),
        (tmp_path / "missing.parquet", FileNotFoundError, "must be a Parquet"),
        (tmp_path / "empty", FileNotFoundError, "must be a Parquet"),
    ):
        with pytest.raises(error, match=message):
            EmbeddingIndex.from_parquet(path)
    table[:0].astype({"image": str}).to_parquet(tmp_path / "empty.parquet")
    with pytest.raises(ValueError, match="must hold a row"):
        EmbeddingIndex.from_parquet(tmp_path / "empty.parquet")
    with pytest.raises(ValueError, match="`ids` must be a column"):
        EmbeddingIndex.from_parquet(tmp_path / "4.parquet", ids="name")
    with pytest.raises(ValueError, match="`embeddings` must be a column"):
        EmbeddingIndex.from_parquet(tmp_path, "vector")


def test_parquet_columns_of_any_type(tmp_path):
    pyarrow = pytest.importorskip("pyarrow", reason="extra `parquet`")
    from pyarrow import parquet

    table = pyarrow.table(
        {
            "image": ["a", "b", "c"],
            "embedding": [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]],
            "year": [1, None, 2],
            "is_new": [True, None, False],
            "class": pyarrow.array(["x", None, "x"]).dictionary_encode(),
            "when": pyarrow.array([0, 1, 2], pyarrow.timestamp("s")),
        }
    )
    parquet.write_table(table, tmp_path / "1.parquet")
    metadata = EmbeddingIndex.from_parquet(tmp_path).metadata
    assert sorted(metadata) == ["class", "is_new", "year"]
    assert metadata["class"].tolist() == ["x", "", "x"]
    np.testing.assert_array_equal(metadata["is_new"], [1, np.nan, 0])
    for arguments, message in (
        ({"embeddings": "year"}, "`embeddings` must be a column of lists"),
        ({"ids": "embedding"}, "`ids` must be a column of strings or ints"),
    ):
        with pytest.raises(ValueError, match=message):
            EmbeddingIndex.from_parquet(tmp_path, **arguments)
    parquet.write_table(table.drop(["class"]), tmp_path / "2.parquet")
    with pytest.raises(ValueError, match="2.parquet without ..class"):
        EmbeddingIndex.from_parquet(tmp_path)
