import datetime

import keras
import numpy as np
import pytest

from keras_contrastive.datasets.tables.class_labels import class_labels
from keras_contrastive.datasets.tables.missing import is_missing

pytestmark = pytest.mark.one_backend

NAN = float("nan")
DAY = datetime.datetime(2020, 1, 2)


@pytest.mark.parametrize(
    "values, labels, names",
    [
        ([3, 1, 3], [1, 0, 1], ["1", "3"]),
        ([10.0, NAN, 9.0], [1, -1, 0], ["9", "10"]),
        ([0.5, 0.25], [1, 0], ["0.25", "0.5"]),
        (["b", "a", " b "], [1, 0, 1], ["a", "b"]),
        (["10", "9", ""], [1, 0, -1], ["9", "10"]),
        ([b"caf\xc3\xa9", "b"], [1, 0], ["b", "café"]),
        ([True, False, None], [1, 0, -1], ["False", "True"]),
        ([np.str_("a"), np.int64(2), np.float32(2)], [1, 0, 0], ["2", "a"]),
        (np.array([[2], [1]]), [1, 0], ["1", "2"]),
        ([DAY, None, DAY], [0, -1, 0], ["2020-01-02 00:00:00"]),
        (
            np.array(["2020-01-02", "NaT"], "datetime64[D]"),
            [0, -1],
            ["2020-01-02"],
        ),
        (["b", DAY, 1], [2, 1, 0], ["1", "2020-01-02 00:00:00", "b"]),
    ],
)
def test_labels_of_many_types(values, labels, names):
    found, found_names = class_labels(values, "label")
    assert found.tolist() == labels and found.dtype == "int64"
    assert found_names == names


def test_tensors():
    values = [keras.ops.convert_to_tensor(value) for value in (2, 1)]
    assert class_labels(values, "label")[0].tolist() == [1, 0]


def test_columns_of_pandas():
    pandas = pytest.importorskip("pandas")
    for values, names in (
        (pandas.array([3, None, 1], dtype="Int64"), ["1", "3"]),
        (pandas.Categorical(["b", None, "a"], categories=["b", "a"]), None),
        (pandas.array(["b", None, "a"], dtype="string"), None),
        (pandas.to_datetime(["2021", None, "2020"]).array, None),
    ):
        labels, found = class_labels(values, "label")
        assert labels.tolist() == [1, -1, 0]
        assert found == (names or [str(values[2]), str(values[0])])


def test_known_names():
    values = [1, np.int64(0), 1.0, None, -1]
    labels, names = class_labels(values, "label", ["cat", "dog"])
    assert labels.tolist() == [1, 0, 1, -1, -1] and names == ["cat", "dog"]
    for bad in (2, "cat", 0.5, -2):
        with pytest.raises(ValueError, match="from 0 to 1.*'label', with"):
            class_labels([bad], "label", ["cat", "dog"])


@pytest.mark.parametrize("value", [[1, 2], (1, 2), {"a": 1}, np.ones(2)])
def test_several_values(value):
    with pytest.raises(ValueError, match="column of single values.*'label'"):
        class_labels([1, value], "label")


@pytest.mark.parametrize(
    "value, expected",
    [
        (0, False),
        ("0", False),
        (b" ", False),
        (b"", True),
        (False, False),
        (np.float32("nan"), True),
        (np.zeros((0, 3)), True),
        (np.zeros(1), False),
        ({"bytes": None, "path": None}, True),
        ({"bytes": b"x", "path": None}, False),
    ],
)
def test_missing_values(value, expected):
    assert is_missing(value) is expected
