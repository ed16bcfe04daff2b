"""Teachers that stay frozen inside the model of their student."""

from typing import Any

import keras

from keras_contrastive.models.clip_model import CLIPModel
from keras_contrastive.trainer.keras_internals import replace_layer


def _is_trainable(model):
    return keras.Layer.trainable.fget(model)


def _set_trainable(model, value):
    # Keras sets it for all layers; the teacher stays frozen.
    keras.Layer.trainable.fset(model, value)
    if getattr(model, "teacher", None) is not None:
        model.teacher.trainable = False


# `trainable` of a model with a `teacher`.
trainable_but_the_teacher = property(_is_trainable, _set_trainable)


def shared_clip(model: CLIPModel) -> Any:
    """A plain `CLIPModel` with the towers, augmenter and scale of `model`.

    It is not compiled, and shares the weights.
    """
    shared = CLIPModel(
        model.image_encoder,
        model.text_encoder,
        model.projection_dim,
        model.augmenter,
        model.logit_scale,
        model.tokenizer,
        name="clip",
    )
    for name in ("image_tower", "text_tower"):
        replace_layer(shared, name, getattr(model, name))
    shared.build(None)
    return shared
