import keras
import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.datasets import channel_statistics
from keras_contrastive.datasets.pipeline import channel_statistics as module
from tests.fuzz.readers import npy

pytest.importorskip("PIL")
pytestmark = pytest.mark.one_backend

IMAGES = np.random.default_rng(0).gamma(2, 500, (12, 10, 14, 4))


def test_against_float64():
    """With extreme values that the percentiles exclude."""
    images = IMAGES.copy()
    images[:, 0, 0] = 1e6
    got = channel_statistics(images, 4)
    values = images.reshape(-1, 4)
    low, high = np.percentile(values, (1, 99), axis=0)
    assert got.num_images == 12
    np.testing.assert_allclose(got.value_range, (low, high))
    scaled = np.clip((values - low) / (high - low), 0, 1)
    np.testing.assert_allclose(got.mean, scaled.mean(axis=0))
    np.testing.assert_allclose(got.variance, scaled.var(axis=0))


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float16", "float32"])
def test_dtypes(dtype):
    """Sums that exceed float16 and float32."""
    images = (100 + IMAGES / 100).astype(dtype)
    got = channel_statistics(images, 4, percentiles=(0, 100))
    values = images.reshape(-1, 4).astype("float64")
    low, high = values.min(axis=0), values.max(axis=0)
    np.testing.assert_allclose(got.value_range, (low, high))
    scaled = (values - low) / (high - low)
    np.testing.assert_allclose(got.mean, scaled.mean(axis=0))
    np.testing.assert_allclose(got.variance, scaled.var(axis=0))


def test_known_range_and_some_channels():
    got = channel_statistics(IMAGES, (3, 1), (0, (2000, 4000)))
    np.testing.assert_array_equal(got.value_range, ([0, 0], [2000, 4000]))
    values = IMAGES.reshape(-1, 4)[:, [3, 1]]
    scaled = np.clip(values / [2000, 4000], 0, 1)
    np.testing.assert_allclose(got.mean, scaled.mean(axis=0))


def test_some_of_the_images(monkeypatch):
    images = np.broadcast_to(np.arange(12.0)[:, None, None], (12, 9, 9))
    got = channel_statistics(images, 1, max_images=3, percentiles=(0, 100))
    again = channel_statistics(images, 1, max_images=3, percentiles=(0, 100))
    other = channel_statistics(
        images, 1, max_images=3, percentiles=(0, 100), seed=1
    )
    assert got.num_images == 3
    assert got.value_range == again.value_range != other.value_range
    # As many pixels of a large image as of a small one.
    monkeypatch.setattr(module, "PIXELS", 64)
    images = [np.zeros((8, 8)), np.ones((80, 80))]
    got = channel_statistics(images, 1, percentiles=(0, 100))
    assert got.mean == 0.5


def test_bad_images():
    images = [*IMAGES]
    images[3] = IMAGES[3] * np.nan
    images[5] = IMAGES[5, ..., :3]
    with pytest.warns(UserWarning, match="2 of 12 images cannot be read"):
        got = channel_statistics(images, 4, max_bad_fraction=0.2)
    assert got.num_images == 10
    with pytest.raises(ValueError, match="2 of 12 images cannot be read"):
        channel_statistics(images, 4, max_bad_fraction=0.1)


def test_folder_and_progress(tmp_path, capsys, monkeypatch):
    for index, image in enumerate(IMAGES):
        (tmp_path / f"{index}.npy").write_bytes(npy(image))
    expected = channel_statistics(IMAGES, 4)
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(module, "PROGRESS_BAR_FROM", 10)
    got = channel_statistics(tmp_path, 4)
    assert "12/12" in capsys.readouterr().out
    np.testing.assert_allclose(got.mean, expected.mean)
    channel_statistics(tmp_path, 4, verbose=False)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"channels": 0}, "`channels` must"),
        ({"percentiles": (5, 5)}, "`percentiles` must be two different"),
        ({"percentiles": (1, 101)}, "`percentiles` must be a pair"),
        ({"value_range": (1, 0)}, "`value_range` must be a pair"),
        ({"max_images": 0}, "`max_images` must"),
        ({"seed": -1}, "`seed` must"),
        ({"max_bad_fraction": 1}, "`max_bad_fraction` must"),
        ({"images": []}, "`images` must hold"),
        ({"images": IMAGES * [1, 0, 1, 1]}, r"channels \[1\].* value.*\[0.0\]"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        channel_statistics(**{"images": IMAGES, "channels": 4, **arguments})


def test_the_whole_recipe(tmp_path):
    statistics = channel_statistics(IMAGES, 4)
    dataset = kc.datasets.ImageDataset(
        IMAGES, 6, 10, channels=4, value_range=statistics.value_range
    )
    encoder = keras.Sequential(
        [
            keras.Input((10, 10, 4)),
            keras.layers.Normalization(
                mean=statistics.mean, variance=statistics.variance
            ),
            kc.models.ConvNet(4, 2, (10, 10, 4)),
        ]
    )
    # The values that the convolutions see.
    normalized = encoder.layers[0](np.concatenate(list(dataset)))
    normalized = keras.ops.convert_to_numpy(normalized)
    assert np.abs(normalized.mean(axis=(0, 1, 2))).max() < 0.15
    assert np.abs(normalized.std(axis=(0, 1, 2)) - 1).max() < 0.15
    model = kc.SimCLRModel(
        encoder,
        kc.layers.ProjectionHead(8, 4),
        augmenter=kc.layers.simclr_augmentation(
            "cifar10", 10, 10, channels=4, rgb_channels=(2, 1, 0)
        ),
    )
    model.compile()
    model.fit(dataset, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    images = dataset[0]
    np.testing.assert_allclose(
        again.predict(images, verbose=0),
        model.predict(images, verbose=0),
        atol=1e-6,
    )
