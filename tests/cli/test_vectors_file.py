import os

import numpy as np
import pytest

from keras_contrastive.cli.output import write_csv
from keras_contrastive.cli.vectors_file import check_replaceable
from keras_contrastive.cli.vectors_file import write_vectors

pytestmark = pytest.mark.one_backend


def test_a_table_for_other_tools(tmp_path):
    pandas = pytest.importorskip("pandas", reason="needs pandas")
    pytest.importorskip("pyarrow", reason="needs the extra `parquet`")
    path = tmp_path / "new" / "vectors.parquet"
    embeddings = np.arange(6, dtype="float64").reshape(3, 2)
    names = ["a.png", "ü/b.png", "row 7"]
    check_replaceable(path)
    write_vectors(path, names, embeddings, np.array([1, -1, 0]), ["x", "y"])
    table = pandas.read_parquet(path)
    assert table["image"].tolist() == names
    np.testing.assert_array_equal(np.stack(table["embedding"]), embeddings)
    assert [
        None if pandas.isna(label) else label for label in table["label"]
    ] == ["y", None, "x"]

    check_replaceable(path)  # our own
    write_vectors(path, names, embeddings)
    assert pandas.read_parquet(path).columns.tolist() == ["image", "embedding"]
    table.to_parquet(path)  # the user's
    with pytest.raises(ValueError, match="must be a new file"):
        check_replaceable(path)


def test_other_files_are_not_replaced(tmp_path):
    pytest.importorskip("pyarrow", reason="needs the extra `parquet`")
    for name in ("vectors.npz", "vectors.parquet"):
        (tmp_path / name).write_bytes(b"mine")
        with pytest.raises(ValueError, match="must be a new file"):
            check_replaceable(tmp_path / name)


def test_names_of_files_that_are_not_utf8(tmp_path):
    """Such names must not fail after all images have been embedded."""
    name = os.fsdecode(b"bad\xff.png")
    path = tmp_path / "classes.csv"
    write_csv(path, ["image"], [[name]])
    assert path.read_bytes() == b"image\r\nbad\xff.png\r\n"
    with pytest.raises(ZeroDivisionError):
        write_csv(path, ["image"], ([1 / 0] for _ in range(1)))
    assert os.listdir(tmp_path) == [path.name]

    pandas = pytest.importorskip("pandas", reason="needs pandas")
    pytest.importorskip("pyarrow", reason="needs the extra `parquet`")
    path = tmp_path / "vectors.parquet"
    write_vectors(path, [name], np.zeros((1, 2)))
    assert pandas.read_parquet(path)["image"].tolist() == [r"bad\udcff.png"]
