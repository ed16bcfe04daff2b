"""Ids and columns of metadata of every kind."""

import numpy as np
import pytest

from keras_contrastive.index import EmbeddingIndex

pytestmark = pytest.mark.one_backend


def test_strings_of_other_kinds_become_those_of_numpy():
    columns = [np.array(["a", "bc"], object)]
    if hasattr(np.dtypes, "StringDType"):  # NumPy 2
        columns.append(np.array(["a", "bc"], np.dtypes.StringDType()))
    for column in columns:
        index = EmbeddingIndex(np.eye(2), metadata={"word": column})
        assert index.metadata["word"].dtype == "<U2"
        assert index.search(np.ones(2), 5, {"word": "bc"}).ids.tolist() == [1]
    for wrong in (np.array(["a", 1], object), "a", 5, [["a"], ["b"]]):
        with pytest.raises(ValueError, match="'word'.*must be 2 strings"):
            EmbeddingIndex(np.eye(2), metadata={"word": wrong})


def test_values_are_compared_in_the_dtype_of_their_column():
    column = np.array([0.1, 0.2, 0.3], "float32")
    index = EmbeddingIndex(np.eye(3), metadata={"f": column, "s": ["a"] * 3})
    for values in (0.2, [0.2], np.array(0.2), (x for x in [0.2]), {0.2}):
        found = index.search(np.ones(3), 3, {"f": values, "s": map(str, "ab")})
        assert found.ids.tolist() == [1]
    for wrong in ("s", [("s", "a")], 3):
        with pytest.raises(ValueError, match="`where` must be a dict"):
            index.search(np.ones(3), 3, wrong)
    with pytest.raises(ValueError, match=r"Received: \[3, 'c'\]"):
        index.search(np.ones(3), 3, {"c": 1, 3: 2})


def test_tables_as_metadata():
    columns = {"year": [2001, 2002], "name": ["a", "b"]}
    tables = [
        pytest.importorskip("pandas").DataFrame(columns),
        pytest.importorskip("polars").DataFrame(columns),
        pytest.importorskip("pyarrow").table(columns),
    ]
    for table in tables:
        index = EmbeddingIndex(np.eye(2), metadata=table)
        assert {k: v.tolist() for k, v in index.metadata.items()} == columns


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({3: [1, 2]}, "names of `metadata` must be strings. Received: 3"),
        ({("a", 1): [1, 2]}, "names of `metadata` must be strings"),
        ([[1, 2]], "`metadata` must be a dict of columns or a table"),
        ("ab", "`metadata` must be a dict of columns or a table"),
    ],
)
def test_metadata_of_another_kind(metadata, message):
    with pytest.raises(ValueError, match=message):
        EmbeddingIndex(np.eye(2), metadata=metadata)


def test_the_largest_id():
    largest = np.iinfo("int64").max
    index = EmbeddingIndex(np.eye(2), np.array([0, largest], "uint64"))
    assert index.ids.tolist() == [0, largest]
