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


def test_the_largest_id():
    largest = np.iinfo("int64").max
    index = EmbeddingIndex(np.eye(2), np.array([0, largest], "uint64"))
    assert index.ids.tolist() == [0, largest]
