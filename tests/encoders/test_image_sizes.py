"""A `VisionTransformer` for images of any size."""

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.layers.transformer.resized_positions import (
    resizing_matrix,
)

SIZES = {"width": 8, "num_layers": 1, "num_heads": 2}


def of_any_size(**kwargs):
    arguments = {"input_shape": (None, None, 3), "position_grid": (4, 3)}
    return kc.models.VisionTransformer(4, **SIZES, **{**arguments, **kwargs})


def to_numpy(tensor):
    return keras.ops.convert_to_numpy(tensor)


@pytest.mark.one_case
@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_at_its_grid_it_is_the_encoder_of_one_size(rng, pooling):
    images = rng.random((2, 16, 12, 3)).astype("float32")
    encoder = of_any_size(pooling=pooling)
    fixed = kc.models.VisionTransformer(
        4, **SIZES, input_shape=(16, 12, 3), pooling=pooling
    )
    assert [w.shape for w in fixed.weights] == [
        w.shape for w in encoder.weights
    ]
    fixed.set_weights(encoder.get_weights())
    np.testing.assert_allclose(
        to_numpy(encoder(images)), to_numpy(fixed(images)), atol=1e-6
    )


def test_at_another_size_it_has_resized_positions(rng):
    encoder = of_any_size()
    weights = {w.path: to_numpy(w) for w in encoder.weights}
    (table,) = (v for k, v in weights.items() if "position" in k)
    images = rng.random((2, 24, 32, 3)).astype("float32")  # 6 x 8 patches
    expected = np.concatenate(
        [
            table[:1],
            np.einsum(
                "ri,cj,ijw->rcw",
                resizing_matrix(4, 6),
                resizing_matrix(3, 8),
                table[1:].reshape(4, 3, 8),
            ).reshape(48, 8),
        ]
    )
    fixed = kc.models.VisionTransformer(4, **SIZES, input_shape=(24, 32, 3))
    fixed.set_weights(
        [expected if "position" in path else w for path, w in weights.items()]
    )
    np.testing.assert_allclose(
        to_numpy(encoder(images)), to_numpy(fixed(images)), atol=1e-6
    )


@pytest.mark.one_backend
@pytest.mark.parametrize("new", [5, 14, 30])
def test_resizing_keeps_a_parabola(new):
    matrix = resizing_matrix(14, new).astype("float64")
    np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-6)
    at = (np.arange(new) + 0.5) * 14 / new - 0.5
    inside = (at >= 1) & (at <= 12)
    np.testing.assert_allclose(
        (matrix @ np.arange(14.0) ** 2)[inside], at[inside] ** 2, atol=1e-4
    )
    if new == 14:
        np.testing.assert_allclose(matrix, np.eye(14))


def test_dino_trains_it_on_local_views_of_another_size(tmp_path):
    keras.utils.set_random_seed(0)
    images = kc.datasets.shapes(8, image_size=24).images
    model = kc.DINOModel(
        of_any_size(position_grid=(4, 4), patch_dropout=0.25),
        kc.layers.ProjectionHead(8, 8, output_batch_norm=False),
        kc.layers.MultiCrop(
            kc.layers.RandomResizedCrop(16, 16),
            kc.layers.RandomResizedCrop(8, 8),
            num_local=2,
        ),
        num_prototypes=8,
    )
    model.compile(keras.optimizers.Adam(1e-2))
    table = next(w for w in model.encoder.weights if "position" in w.path)
    before = to_numpy(table)
    history = model.fit(images, batch_size=4, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert not np.allclose(before, to_numpy(table))
    model.save(tmp_path / "dino.keras")
    restored = keras.models.load_model(tmp_path / "dino.keras")
    np.testing.assert_allclose(
        restored.predict(images, verbose=0),
        model.predict(images, verbose=0),
        atol=1e-5,
    )


@pytest.mark.one_backend
@pytest.mark.parametrize(
    "arguments",
    [
        {"position_grid": None},
        {"input_shape": (16, 16, 3)},
        {"input_shape": (None, 16, 3)},
        {"position_grid": (4, 0)},
    ],
)
def test_says_what_is_wrong(arguments):
    with pytest.raises(ValueError, match="position_grid"):
        of_any_size(**arguments)
