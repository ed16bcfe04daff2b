"""How often Keras traces the models, and whether it runs them eagerly."""

import keras
import pytest

import keras_contrastive as kc
from keras_contrastive.data_validation import concrete
from keras_contrastive.trainer.keras_internals import all_layers
from tests.models.helpers import SIZE
from tests.models.helpers import encoder as keras_encoder
from tests.models.helpers import images_and_labels
from tests.models.helpers import images_and_texts
from tests.models.helpers import text_encoder

BACKEND = keras.backend.backend()
IMAGES, LABELS = images_and_labels()
TEXTS = images_and_texts()[1]
PAIRS = {"images": IMAGES, "texts": TEXTS}


class CountingEncoder(keras.layers.Layer):
    """Counts its calls, and those of them that have values."""

    def __init__(self, known=True):
        super().__init__()
        self.inner = keras.layers.Dense(8)
        self.calls = self.eager_calls = 0
        if known:
            self.build((None, SIZE, SIZE, 3))
            self.input_shape = (None, SIZE, SIZE, 3)
            self.output_shape = (None, 8)

    def build(self, input_shape):
        self.inner.build((None, input_shape[-1]))

    def call(self, images):
        self.calls += 1
        self.eager_calls += concrete(images) is not None
        return self.inner(keras.ops.mean(images, axis=(1, 2)))


def foreign_views():
    """Augmenters that Keras' own `Pipeline` holds together."""
    return kc.layers.MultiView(
        [
            keras.layers.Pipeline([kc.layers.RandomFlip(seed=i)])
            for i in range(2)
        ]
    )


def simclr(encoder, augmenter=None):
    head = kc.layers.ProjectionHead(8, 4)
    return kc.SimCLRModel(encoder, head, augmenter, num_classes=4)


def clip(encoder, augmenter=None):
    augmenter = augmenter and augmenter.augmenters[0]
    return kc.CLIPModel(encoder, text_encoder(), 4, augmenter)


MODELS = {"simclr": simclr, "clip": clip}
DATA = {"simclr": (IMAGES, LABELS), "clip": (PAIRS,)}
ENTRIES = {
    "fit": lambda model, data: model.fit(*data, batch_size=8, verbose=0),
    "evaluate": lambda model, data: model.evaluate(
        *data, batch_size=8, verbose=0
    ),
    "predict": lambda model, data: model.predict(
        data[0], batch_size=8, verbose=0
    ),
    "train_on_batch": lambda model, data: model.train_on_batch(*data),
    "test_on_batch": lambda model, data: model.test_on_batch(*data),
    "predict_on_batch": lambda model, data: model.predict_on_batch(data[0]),
}
# How often an entry calls the encoder on PyTorch, once for each batch.
STEPS = {"fit": 2, "evaluate": 2, "predict": 2}


def compiled(kind, encoder=None, augmenter=None):
    model = MODELS[kind](encoder or CountingEncoder(), augmenter)
    model.compile()
    return model


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("views", [None, foreign_views])
def test_layers_are_built(kind, views):
    model = compiled(kind, augmenter=views and views())
    if views is None:
        assert all(layer.built for layer in all_layers(model))
    model.predict(DATA[kind][0], verbose=0)
    assert all(layer.built for layer in all_layers(model))


def test_layers_of_a_loaded_model_are_built(tmp_path):
    compiled("simclr", keras_encoder()).save(tmp_path / "model.keras")
    model = keras.saving.load_model(tmp_path / "model.keras")
    assert all(layer.built for layer in all_layers(model))


@pytest.mark.one_case
@pytest.mark.parametrize("kind", MODELS)
def test_nothing_is_traced_twice(kind):
    model = compiled(kind)
    encoder = model.encoder if kind == "simclr" else model.image_encoder
    data = DATA[kind]
    for entry in ENTRIES.values():
        entry(model, data)
    for name, entry in ENTRIES.items():
        encoder.calls = 0
        entry(model, data)
        steps = STEPS.get(name, 1) if BACKEND == "torch" else 0
        assert encoder.calls == steps, name


@pytest.mark.skipif(
    BACKEND != "tensorflow",
    reason="Keras itself builds the optimizer before the step on the others",
)
@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("entry", ["fit", "train_on_batch"])
@pytest.mark.parametrize("views", [None, foreign_views])
def test_the_first_step_is_traced_once(kind, entry, views):
    model = compiled(kind, augmenter=views and views())
    encoder = model.encoder if kind == "simclr" else model.image_encoder
    encoder.calls = 0
    ENTRIES[entry](model, DATA[kind])
    assert encoder.calls == 1


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("name", ["predict", "predict_on_batch"])
@pytest.mark.parametrize("known", [True, False])
def test_predict_is_never_eager(kind, name, known):
    encoder = CountingEncoder(known)
    model = compiled(kind, encoder, None if known else foreign_views())
    for _ in range(2):
        encoder.eager_calls = 0
        outputs = ENTRIES[name](model, DATA[kind])
        steps = STEPS.get(name, 1) if BACKEND == "torch" else 0
        assert encoder.eager_calls == steps
    assert keras.tree.flatten(outputs)[0].shape[0] == len(IMAGES)
