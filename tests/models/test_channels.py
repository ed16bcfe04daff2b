"""Models of images that are not RGB: gray, RGB and infrared, many bands."""

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests.models.helpers import TOKENS
from tests.models.helpers import images_and_texts
from tests.models.helpers import text_encoder

SIZE = 12


def images_of(channels, n=16):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (n, SIZE, SIZE, channels)).astype("uint8")


def encoder(channels):
    return kc.models.ConvNet(8, 2, (SIZE, SIZE, channels))


def head():
    return kc.layers.ProjectionHead(8, 4)


MODELS = {
    "simclr": lambda c, **a: kc.SimCLRModel(encoder(c), head(), **a),
    "moco": lambda c, **a: kc.MoCoModel(encoder(c), head(), queue_size=16, **a),
    "byol": lambda c, **a: kc.BYOLModel(
        encoder(c), head(), predictor=head(), **a
    ),
    "dino": lambda c, **a: kc.DINOModel(
        encoder(c), head(), num_prototypes=4, **a
    ),
}


@pytest.mark.filterwarnings("ignore:Saturation, hue and grayscale")
@pytest.mark.parametrize(
    "method, channels",
    [
        ("simclr", 13),
        *[
            pytest.param(*case, marks=pytest.mark.one_backend)
            for case in [("simclr", 1), ("moco", 4), ("byol", 2), ("dino", 5)]
        ],
    ],
)
def test_methods(method, channels, tmp_path):
    images = images_of(channels)
    model = MODELS[method](channels)
    model.compile()
    history = model.fit(
        images, batch_size=8, validation_data=images, verbose=0
    ).history
    assert np.isfinite([*history.values()]).all()
    h = model.predict(images, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again.predict(images, verbose=0), h, atol=1e-6)
    pixels = again.representation_model()(images)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(pixels), h, rtol=1e-4, atol=1e-5
    )


@pytest.mark.one_backend
def test_clip():
    images, (_, texts) = images_of(4), images_and_texts()
    augmenter = kc.layers.simclr_augmentation(
        "cifar10", SIZE, SIZE, channels=4, rgb_channels=(2, 1, 0)
    )
    for chosen in (None, augmenter):
        model = kc.CLIPModel(encoder(4), text_encoder(), 4, augmenter=chosen)
        model.compile()
        x = {"images": images, "texts": texts}
        history = model.fit(x, batch_size=8, verbose=0).history
        assert np.isfinite(history["loss"]).all()
        embeddings = model.predict(x, verbose=0)
        assert embeddings["image_embeddings"].shape == (16, 4)
    assert texts.shape == (16, TOKENS)


@pytest.mark.one_backend
@pytest.mark.parametrize("given", [1, 3, 4])
def test_another_number_of_channels_is_named(given):
    model = kc.SimCLRModel(
        encoder(5),
        head(),
        kc.layers.RandomResizedCrop(SIZE, SIZE),
    )
    model.compile()
    message = r"shape \(batch, height, width, 5\), as the encoder takes"
    for entry in (model.fit, model.evaluate, model.predict):
        with pytest.raises(ValueError, match=message):
            entry(images_of(given), verbose=0)
    of_rgb = kc.SimCLRModel(encoder(3), head(), kc.layers.RandomFlip())
    of_rgb.compile(microbatch_size=8)
    with pytest.raises(ValueError, match="must be RGB"):
        of_rgb.fit(images_of(5), verbose=0)


@pytest.mark.one_backend
def test_an_augmenter_may_change_the_channels():
    """Photographs whose views are gray, for an encoder of one channel."""

    class First(keras.layers.Layer):
        def call(self, images):
            return images[..., :1]

    views = keras.layers.Pipeline(
        [kc.layers.RandomResizedCrop(SIZE, SIZE), First()]
    )
    images = images_of(3)
    model = kc.SimCLRModel(encoder(1), head(), views)
    model.compile()
    history = model.fit(images, batch_size=8, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert model.predict(images, verbose=0).shape == (16, 32)
    texts = images_and_texts()[1]
    model = kc.CLIPModel(encoder(1), text_encoder(), 4, augmenter=views)
    model.compile()
    model.fit({"images": images, "texts": texts}, batch_size=8, verbose=0)


@pytest.mark.one_backend
def test_an_encoder_of_channels_first_is_named():
    first = keras.Sequential(
        [keras.Input((3, SIZE, SIZE)), keras.layers.Flatten()]
    )
    with pytest.raises(ValueError, match="Permute"):
        kc.SimCLRModel(first, head())
