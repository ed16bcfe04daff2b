"""Columns of pandas, polars and pyarrow where arrays are expected."""

import numpy as np
import pytest

import keras_contrastive as kc
from tests.models.helpers import clip
from tests.models.helpers import images_and_labels
from tests.models.helpers import simclr
from tests.models.helpers import to_numpy
from tests.models.test_clip_strings import images_and_captions
from tests.models.test_clip_strings import tokenizer


def pandas_with_gaps(values):
    """A column after rows were dropped: its index is not 0, 1, ...."""
    pandas = pytest.importorskip("pandas")
    return pandas.Series(values, index=3 * np.arange(len(values)) + 1)


def pandas_nullable(values):
    column = pandas_with_gaps(values)
    return column.convert_dtypes()


def polars(values):
    return pytest.importorskip("polars").Series(values)


def pyarrow(values):
    return pytest.importorskip("pyarrow").array(values)


KINDS = [pandas_with_gaps, pandas_nullable, polars, pyarrow]


@pytest.mark.one_case
@pytest.mark.parametrize("column", KINDS)
def test_models_take_them_as_arrays(column):
    images, captions = images_and_captions(8)
    ids = np.arange(8) // 2
    weights = np.arange(8.0)
    model = clip(tokenizer=tokenizer)

    def losses(of):
        texts = of(captions)
        return [
            model.evaluate(
                {"images": images, "texts": texts, "image_ids": of(ids)},
                verbose=0,
            )[0],
            model.test_on_batch(images, texts, sample_weight=of(weights))[0],
        ]

    np.testing.assert_allclose(losses(column), losses(list_or_array), 1e-6)
    np.testing.assert_array_equal(
        to_numpy(model.encode_text(column(captions))),
        to_numpy(model.encode_text(captions)),
    )


def list_or_array(values):
    return values


@pytest.mark.one_backend
def test_labels_of_a_probe():
    images, labels = images_and_labels(8)
    model = simclr(num_classes=4)
    labels = pandas_nullable(labels)
    logs = model.fit(
        images,
        labels,
        validation_data=(images, labels),
        batch_size=8,
        verbose=0,
    ).history
    assert np.isfinite(logs["probe_loss"] + logs["val_probe_loss"]).all()
    labels = pandas_nullable([0, None] + [1] * 6)
    with pytest.raises(ValueError, match="must be integers in"):
        model.fit(images, labels, verbose=0)


@pytest.mark.one_backend
@pytest.mark.parametrize("column", [*KINDS, "object"])
def test_ids_and_metadata_of_an_index(column, tmp_path):
    if column == "object":
        column = lambda values: np.array(values, dtype=object)  # noqa: E731
    names = ["a", "bc", "d"]
    index = kc.index.EmbeddingIndex(
        np.eye(3), column(names), {"x": column(names)}
    )
    index.save(tmp_path / "index")
    index = kc.index.EmbeddingIndex.load(tmp_path / "index")
    found = index.search(np.ones(3), where={"x": ["bc"]}).ids
    assert found.tolist() == ["bc"]
    with pytest.raises(ValueError, match="3 strings, numbers or booleans"):
        kc.index.EmbeddingIndex(
            np.eye(3), metadata={"x": column(["a", None, "b"])}
        )
