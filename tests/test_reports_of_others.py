"""Situations of bug reports of other libraries: docs/reliability.md."""

import copy
import csv

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests.models.helpers import encoder
from tests.models.helpers import images_and_labels
from tests.models.helpers import simclr
from tests.models.helpers import to_numpy

IMAGES, LABELS = images_and_labels()
# What readers of tables take for a missing value, and people for a word.
WORDS = ["None", "null", "NA", "nan", "n/a", "true", "007"]


@pytest.mark.one_backend
def test_words_that_tables_take_for_missing(tmp_path):
    names = [f"{i}.png" for i in range(len(WORDS))]
    for name in names:
        keras.utils.save_img(tmp_path / name, IMAGES[0])
    with open(tmp_path / "captions.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "caption"])
        rows.writerows(zip(names, WORDS, strict=True))
    found = kc.datasets.captioned_folder(tmp_path)
    assert sorted(c for r in found for c in r.captions) == sorted(WORDS)
    (tmp_path / "captions.csv").rename(tmp_path / "labels.csv")
    records = kc.datasets.image_records(
        tmp_path / "labels.csv", image="image", label="caption"
    )
    assert sorted(records.class_names) == sorted(WORDS)


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (30, 1), (3, 1)])
def test_images_of_a_pixel(size):
    images = np.full((2, *size, 3), 51, "uint8")
    views = kc.layers.simclr_augmentation("imagenet", 8, 8)(images)
    assert views.shape == (2, 8, 8, 3)
    assert np.isfinite(to_numpy(views)).all()
    record = {"image": images[0], "captions": ["a dot"]}
    loaded = kc.datasets.load_image_text([record], 8).images
    np.testing.assert_array_equal(loaded, np.full((1, 8, 8, 3), 51))


def test_labels_that_float32_would_round():
    embeddings = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    loss = kc.losses.SupConLoss()
    small = np.array([0, 0, 1, 1])
    np.testing.assert_array_equal(
        to_numpy(loss(small + 2**24, embeddings)),
        to_numpy(loss(small, embeddings)),
    )
    # Without a positive there is nothing to learn, and no NaN.
    assert float(loss(np.arange(4), embeddings)) == 0.0


def test_a_smaller_last_batch():
    model = simclr()
    model.fit(IMAGES[:11], batch_size=8, shuffle=False, verbose=0)
    assert int(to_numpy(model.optimizer.iterations)) == 2


@pytest.mark.one_case
@pytest.mark.parametrize("order", ["F", "strided", "reversed", "channels"])
def test_arrays_of_any_memory_order(order):
    images = {
        "F": np.asfortranarray(IMAGES),
        "strided": np.repeat(IMAGES, 2, axis=0)[::2],
        "reversed": IMAGES[::-1].copy()[::-1],
        "channels": np.moveaxis(np.moveaxis(IMAGES, 3, 1).copy(), 1, 3),
    }[order]
    assert not images.flags.c_contiguous
    model = simclr()
    np.testing.assert_array_equal(
        model.predict(images, verbose=0), model.predict(IMAGES, verbose=0)
    )
    assert np.isfinite(model.train_on_batch(images)[0])


@pytest.mark.one_backend
def test_features_in_bfloat16_and_more_neighbors_than_rows(tmp_path):
    keras.config.set_dtype_policy("bfloat16")
    try:
        model = simclr()
        features = model.predict(IMAGES[:5], verbose=0)
    finally:
        keras.config.set_dtype_policy("float32")
    assert features.dtype.name == "bfloat16"
    index = kc.index.EmbeddingIndex(features)
    index.save(tmp_path / "index")
    index = kc.index.EmbeddingIndex.load(tmp_path / "index")
    found = index.search(features[2], k=10)
    assert found.ids[0] == 2 and sorted(found.ids) == [0, 1, 2, 3, 4]


@pytest.mark.one_backend
def test_the_best_weights_include_teacher_and_queue():
    model = kc.MoCoModel(encoder(), queue_size=6)
    model.compile(keras.optimizers.SGD(0.1))
    seen = []
    model.fit(
        IMAGES,
        batch_size=8,
        epochs=3,
        callbacks=[
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: seen.append(
                    model.get_weights()
                )
            ),
            # Nothing is better than the first epoch.
            keras.callbacks.EarlyStopping(
                "loss", min_delta=1e9, patience=1, restore_best_weights=True
            ),
        ],
        verbose=0,
    )
    names = [weight.path for weight in model.weights]
    assert any("queue" in name for name in names)
    assert any("momentum_encoder" in name for name in names)
    assert not np.array_equal(seen[0][0], seen[1][0])
    for value, first in zip(model.get_weights(), seen[0], strict=True):
        np.testing.assert_array_equal(value, first)


@pytest.mark.one_backend
@pytest.mark.filterwarnings("ignore:Layer")
def test_a_quantized_model_predicts_but_is_not_saved(tmp_path):
    model = simclr()
    before = model.predict(IMAGES, verbose=0)
    model.quantize("int8")
    after = model.predict(IMAGES, verbose=0)
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.99
    with pytest.raises(ValueError, match="Save the model before `quantize`"):
        model.save(tmp_path / "model.keras")
    assert not (tmp_path / "model.keras").exists()
    with pytest.raises(ValueError, match="Save the model before `quantize`"):
        keras.saving.save_model(model, tmp_path / "model.keras")
    with pytest.raises(ValueError, match="Save the model before `quantize`"):
        copy.deepcopy(model)
