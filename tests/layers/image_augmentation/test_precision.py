"""Images reach the augmentation in float32 under every dtype policy."""

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.layers.image_augmentation.image_layer import (
    RandomImageLayer,
)
from tests.layers.image_augmentation.helpers import LAYERS
from tests.layers.image_augmentation.helpers import to_numpy
from tests.models.helpers import TOKENS
from tests.models.helpers import text_encoder

POLICIES = {
    "float32": "float32",
    "mixed_bfloat16": "bfloat16",
    "mixed_float16": "float16",
    "bfloat16": "bfloat16",
    "float16": "float16",
}
SIZE = 16
# All gray levels.
IMAGES = np.random.default_rng(0).permuted(
    np.tile(np.arange(256, dtype="uint8"), 24).reshape(8, -1), axis=1
)
IMAGES = IMAGES.reshape(8, SIZE, SIZE, 3)


@pytest.fixture(params=POLICIES)
def policy(request):
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy("float32")


@keras.saving.register_keras_serializable(package="tests")
class NaNUnlessExact(RandomImageLayer):
    """NaN for values that are not whole gray levels, at most 1/100 off."""

    def get_random_transformation(self, images):
        return {"draw": self.draw(images, 1)}

    def transform_images(self, images, transformation):
        return self.transform_images_at_inference(images)

    def transform_images_at_inference(self, images):
        ops = self.backend.numpy
        levels = 255 / self.value_range[1] * images
        exact = ops.abs(levels - ops.round(levels)) < 0.01
        return ops.where(exact, images, np.float32("nan"))


AUGMENTERS = {
    "layer": NaNUnlessExact,
    "layer of [0, 255]": lambda: NaNUnlessExact(value_range=(0, 255)),
    "pipeline": lambda: kc.layers.ImagePipeline([NaNUnlessExact()]),
    "pipeline of Keras": lambda: keras.layers.Pipeline([NaNUnlessExact()]),
    "multi_view": lambda: kc.layers.MultiView(NaNUnlessExact()),
    "list": lambda: kc.layers.MultiView([NaNUnlessExact()] * 2),
}


@pytest.mark.parametrize("name", AUGMENTERS)
def test_exact(name, policy):
    augmenter = AUGMENTERS[name]()
    for images in (
        IMAGES,
        keras.ops.convert_to_tensor(IMAGES),
        IMAGES.astype("int32"),
        # An odd factor: each level has one of its own.
        257 * IMAGES.astype("uint16"),
        IMAGES[0],
    ):
        for training in (True, False):
            views = augmenter(images, training=training)
            for view in keras.tree.flatten(views):
                dtype = keras.backend.standardize_dtype(view.dtype)
                assert dtype == POLICIES[policy]
                view = to_numpy(keras.ops.cast(view, "float32"))
                assert np.isfinite(view).all()


@pytest.mark.one_backend
@pytest.mark.parametrize("name", AUGMENTERS)
def test_exact_inside_tf_data(name, policy):
    tf = pytest.importorskip("tensorflow")
    augmenter = AUGMENTERS[name]()

    def views_of(images):
        return tuple(tf.nest.flatten(augmenter(images)))

    dataset = tf.data.Dataset.from_tensor_slices(IMAGES).batch(4)
    for views in dataset.map(views_of):
        for view in views:
            assert view.dtype == POLICIES[policy]
            assert np.isfinite(tf.cast(view, "float32").numpy()).all()


@pytest.mark.one_backend
@pytest.mark.parametrize("name", LAYERS)
def test_symbolic_dtype(name, policy):
    layer = LAYERS[name]()
    for dtype in ("uint8", "float32"):
        spec = layer(keras.KerasTensor((None, 16, 14, 3), dtype))
        assert spec.dtype == POLICIES[policy]


def encoder():
    return keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 3)),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(4),
        ]
    )


def simclr():
    head = keras.layers.Dense(4)
    return kc.SimCLRModel(encoder(), head, NaNUnlessExact()), IMAGES


def clip():
    model = kc.CLIPModel(encoder(), text_encoder(), 4, NaNUnlessExact())
    texts = np.ones((len(IMAGES), TOKENS), "int32")
    return model, {"images": IMAGES, "texts": texts}


@pytest.mark.one_case
@pytest.mark.parametrize(
    "make", [simclr, pytest.param(clip, marks=pytest.mark.one_backend)]
)
def test_exact_in_models(make, policy):
    model, data = make()
    model.compile("sgd")
    history = model.fit(data, batch_size=8, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert np.isfinite(model.evaluate(data, batch_size=8, verbose=0)).all()
    for outputs in keras.tree.flatten(model.predict(data, verbose=0)):
        assert np.isfinite(outputs.astype("float32")).all()


def test_representation_model_is_exact(policy):
    model = kc.SimCLRModel(
        encoder(), keras.layers.Dense(4), kc.layers.RandomFlip()
    )
    model = model.representation_model()
    rescaled = to_numpy(model.get_layer("rescale")(IMAGES))
    assert rescaled.dtype == "float32"
    np.testing.assert_allclose(rescaled, IMAGES / 255, rtol=1e-6)
    h = model(IMAGES)
    assert keras.backend.standardize_dtype(h.dtype) == POLICIES[policy]


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="of PyTorch")
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", LAYERS)
def test_autocast_rounds_nothing(name, training):
    import torch

    def changed(enabled):
        layer = kc.layers.MultiView(LAYERS[name](seed=0))
        with torch.autocast("cpu", torch.bfloat16, enabled):
            return to_numpy(layer(IMAGES, training=training)[0])

    np.testing.assert_array_equal(changed(False), changed(True))
