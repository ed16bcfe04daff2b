"""Files of models with frozen parts, and of replaced layers."""

import warnings

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.trainer.keras_internals import is_decayed
from tests.models.helpers import SIZE
from tests.models.helpers import encoder
from tests.models.helpers import images_and_labels
from tests.models.helpers import images_and_texts
from tests.models.helpers import simclr
from tests.models.helpers import text_encoder
from tests.models.helpers import to_numpy


def towers():
    crop = kc.layers.RandomResizedCrop(SIZE, SIZE, seed=1)
    return encoder(), text_encoder(), 8, crop


def locked_tower():
    model = kc.CLIPModel(*towers())
    model.image_tower.trainable = False
    return model, None, images_and_texts()


def replaced_scale():
    model = kc.models.SLIPModel(
        *towers(),
        projector=kc.layers.ProjectionHead(8, 4),
        view_augmenter=kc.layers.RandomFlip(seed=2),
    )
    return model, "siglip", images_and_texts()


def frozen_stage():
    stages = kc.models.ConvNet(4, 1, (SIZE, SIZE, 3))
    for name in ("stem_conv", "stem_norm"):
        stages.get_layer(name).trainable = False
    model = simclr(stages)
    model.projector.trainable = False
    return model, None, images_and_labels()[:1]


@pytest.mark.one_case
@pytest.mark.parametrize("make", [locked_tower, replaced_scale, frozen_stage])
def test_the_same_weights_go_on_training(make, tmp_path):
    model, loss, data = make()
    optimizer = keras.optimizers.AdamW(1e-3, weight_decay=0.1)
    model.compile(optimizer, loss)
    model.fit(*data, batch_size=8, verbose=0)
    model.save(tmp_path / "model.keras")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Keras' of a skipped optimizer
        restored = keras.saving.load_model(tmp_path / "model.keras")

    def described(model):
        return [
            (tuple(v.shape), is_decayed(model.optimizer, v))
            for v in model.trainable_variables
        ]

    assert described(restored) == described(model)
    for before, after in zip(
        model.optimizer.variables, restored.optimizer.variables, strict=True
    ):
        np.testing.assert_array_equal(to_numpy(after), to_numpy(before))
    restored.fit(*data, batch_size=8, verbose=0)


@pytest.mark.one_backend
def test_a_scale_that_a_loss_replaces_stays_frozen():
    model = kc.CLIPModel(*towers())
    model.logit_scale.trainable = False
    model.compile(loss="siglip")
    assert model.logit_scale.bias is not None
    assert not model.logit_scale.trainable_variables


@pytest.mark.one_backend
@pytest.mark.filterwarnings("ignore:Skipping variable loading")
def test_a_file_of_adapters_that_are_not_merged_is_loaded(tmp_path):
    transformer = kc.models.VisionTransformer(
        8, 8, 1, 2, input_shape=(16, 16, 3)
    )
    model = kc.CLIPModel(transformer, text_encoder(), 8, towers()[3])
    kc.fine_tuning.enable_lora(transformer, rank=2)
    model.compile()
    model.fit(*images_and_texts(), batch_size=8, verbose=0)
    model.save(tmp_path / "model.keras")
    restored = keras.saving.load_model(tmp_path / "model.keras")
    images, _ = images_and_texts()
    np.testing.assert_allclose(
        to_numpy(restored.encode_image(images)),
        to_numpy(model.encode_image(images)),
        atol=1e-5,
    )
    assert not restored.image_encoder.trainable_variables
