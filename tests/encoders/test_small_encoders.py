"""`ConvNet`, `ConvNet3D` and `BagOfWords`, the encoders of the examples."""

import keras
import numpy as np
import pytest

import keras_contrastive as kc


def test_conv_net_shapes_and_parameters():
    encoder = kc.models.ConvNet(width=8, num_stages=2, input_shape=(20, 20, 3))
    assert encoder.output_shape == (None, 32)
    assert encoder.get_layer("pool").input.shape[1:3] == (5, 5)
    # Kernels, and a gain and an offset per channel.
    expected = 9 * (3 * 8 + 8 * 16 + 16 * 16 + 16 * 32 + 32 * 32)
    expected += 2 * (8 + 16 + 16 + 32 + 32)
    trained = sum(int(np.prod(v.shape)) for v in encoder.trainable_variables)
    assert trained == expected


def test_conv_net_3d_shapes_and_parameters():
    encoder = kc.models.ConvNet3D(4, 2, input_shape=(8, 12, 16, 2))
    assert encoder.output_shape == (None, 16)
    assert encoder.get_layer("pool").input.shape[1:4] == (2, 3, 4)
    expected = 27 * (2 * 4 + 4 * 8 + 8 * 8 + 8 * 16 + 16 * 16)
    expected += 2 * (4 + 8 + 8 + 16 + 16)
    trained = sum(int(np.prod(v.shape)) for v in encoder.trainable_variables)
    assert trained == expected


def test_bag_of_words_knows_no_order_and_no_padding():
    encoder = kc.models.BagOfWords(vocabulary_size=10, width=8)
    features = encoder.predict(
        np.array([[3, 5, 7, 0, 0], [7, 3, 5, 0, 0], [3, 5, 8, 0, 0]]),
        verbose=0,
    )
    shorter = encoder.predict(np.array([[3, 5, 7]]), verbose=0)
    np.testing.assert_allclose(features[0], features[1], atol=1e-6)
    np.testing.assert_allclose(features[0], shorter[0], atol=1e-6)
    assert np.abs(features[0] - features[2]).max() > 0.01


def test_bag_of_words_of_nothing_is_finite():
    encoder = kc.models.BagOfWords(vocabulary_size=10, width=8)
    assert np.isfinite(encoder.predict(np.zeros((1, 4), "int32"))).all()


def test_bag_of_words_names_unknown_ids():
    encoder = kc.models.BagOfWords(vocabulary_size=10, width=8)
    with pytest.raises(ValueError, match="below 10. Received: \\[12\\]"):
        encoder(np.array([[3, 12]]))


@pytest.mark.parametrize(
    "make, inputs",
    [
        (
            lambda: kc.models.ConvNet(8, 1, input_shape=(8, 8, 3)),
            np.random.default_rng(0).uniform(size=(2, 8, 8, 3)),
        ),
        (
            lambda: kc.models.ConvNet3D(4, 1, input_shape=(4, 4, 4, 1)),
            np.random.default_rng(0).uniform(size=(2, 4, 4, 4, 1)),
        ),
        (
            lambda: kc.models.BagOfWords(10, 8, dropout=0.5),
            np.array([[1, 2, 3]]),
        ),
    ],
)
def test_file_round_trip(make, inputs, tmp_path):
    encoder = make()
    encoder.save(tmp_path / "encoder.keras")
    restored = keras.models.load_model(tmp_path / "encoder.keras")
    assert type(restored) is type(encoder)
    np.testing.assert_array_equal(
        encoder.predict(inputs, verbose=0), restored.predict(inputs, verbose=0)
    )


@pytest.mark.one_case
@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: kc.models.ConvNet(2, 2, (None, None, 1)), (1, 8, 3, 1)),
        (
            lambda: kc.models.ConvNet3D(2, 1, (None,) * 3 + (1,)),
            (1, 4, 1, 4, 1),
        ),
        (
            lambda: kc.models.ConvNeXt(
                [1] * 4, [2] * 4, input_shape=(None, None, 1)
            ),
            (1, 32, 31, 1),
        ),
        (
            lambda: kc.models.VisionTransformer(
                4, 4, 1, 1, input_shape=(None, None, 1), position_grid=(1, 1)
            ),
            (1, 3, 4, 1),
        ),
    ],
)
def test_images_too_small_for_an_encoder_of_any_size(make, shape):
    encoder = make()
    with pytest.raises(ValueError, match="are too small"):
        encoder(np.ones(shape, "float32"))
    images = np.ones((1, *(2 * side for side in shape[1:-1]), 1), "float32")
    assert np.isfinite(keras.ops.convert_to_numpy(encoder(images))).all()


@pytest.mark.parametrize(
    "make, name",
    [
        (lambda: kc.models.ConvNet(width=0), "width"),
        (lambda: kc.models.ConvNet(num_stages=0), "num_stages"),
        (lambda: kc.models.ConvNet3D(width=0), "width"),
        (lambda: kc.models.ConvNet3D(input_shape=(8, 8, 1)), "input_shape"),
        (lambda: kc.models.ConvNet3D(2, 3, (4, 8, 8, 1)), "input_shape"),
        (lambda: kc.models.BagOfWords(0), "vocabulary_size"),
        (lambda: kc.models.BagOfWords(8, dropout=1.0), "dropout"),
    ],
)
def test_errors_name_the_argument(make, name):
    with pytest.raises(ValueError, match=f"`{name}` must be .*Received"):
        make()
