"""Combines several CLIP models into one."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_contrastive.layers.logit_scale import LogitScale
from keras_contrastive.models.clip_model import CLIPModel
from keras_contrastive.validation import check_positive


def clip_ensemble(
    models: Sequence[CLIPModel], weights: Sequence[float] | None = None
) -> CLIPModel:
    """One `CLIPModel` whose similarities are the mean of several models'.

    Its embeddings are the concatenated embeddings of the models, each
    multiplied by the square root of the model's normalized weight. Models with
    different architectures or initial weights make different mistakes, and
    their mean is usually better than each of them. The ensemble costs as much
    as all models together. It supports everything that a `CLIPModel` does:
    search, zero-shot classification, `save` and further training. It shares its
    variables with the models.

    Args:
        models: Two or more `CLIPModel`s whose encoders are functional models
            that take the same inputs: images of one size, and tokens of one
            tokenizer.
        weights: Positive numbers, the weight of each model in the mean.
            Defaults to equal weights.

    Returns:
        A `CLIPModel`, not compiled, with the augmenter and the tokenizer of the
        first model. Its `logit_scale` starts at the mean of the models'.

    Raises:
        ValueError: If there are fewer than two models, they are not built,
            their encoders take different inputs, or `weights` does not hold a
            positive number for each model.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    models = [
        kc.CLIPModel(
            kc.models.ConvNet(width, 2, (16, 16, 3)),
            kc.models.BagOfWords(vocabulary_size=20, width=8),
            projection_dim=4,
        )
        for width in (4, 8)
    ]
    for model in models:
        model.build_from_encoders()  # yours are trained
    both = kc.models.clip_ensemble(models)
    print(both.encode_text(np.array([[1, 5, 2]])).shape)  # (1, 8)
    ```

    Reference:
        Lakshminarayanan et al., 2017, Simple and Scalable Predictive
        Uncertainty Estimation using Deep Ensembles.
    """
    models = list(models)
    if len(models) < 2 or not all(isinstance(m, CLIPModel) for m in models):
        raise ValueError(
            "`models` must be two or more CLIPModels. Received: "
            f"{[type(model).__name__ for model in models]}"
        )
    if unbuilt := [i for i, model in enumerate(models) if not model.built]:
        raise ValueError(
            "`models` must be built; train them, or call each on a batch. "
            f"Received: models {unbuilt} that are not"
        )
    shares = _shares(weights, len(models))
    first = models[0]
    ensemble = CLIPModel(
        _joined([model.image_tower for model in models], shares, "image"),
        _joined([model.text_tower for model in models], shares, "text"),
        projection_dim=None,
        augmenter=first.augmenter,
        logit_scale=_mean_scale([model.logit_scale for model in models]),
        tokenizer=first.tokenizer,
    )
    ensemble.build_from_encoders()
    return ensemble


def _shares(weights, count):
    """The weights, divided by their sum."""
    weights = [1.0] * count if weights is None else list(weights)
    weights = [check_positive("weights", weight) for weight in weights]
    if len(weights) != count:
        raise ValueError(
            "`weights` must be one number for each model. Received: "
            f"weights={weights} for {count} models"
        )
    return [weight / sum(weights) for weight in weights]


def _mean_scale(layers):
    """A scale that starts at the mean of several, with the widest bound.

    It has a bias if all of them have one.
    """

    def mean(values):
        return float(np.mean([ops.convert_to_numpy(value) for value in values]))

    biases = [layer.bias for layer in layers]
    bounds = [layer.max_scale for layer in layers]
    return LogitScale(
        1 / mean([layer.scale for layer in layers]),
        max_scale=None if None in bounds else max(bounds),
        initial_bias=None if None in biases else mean(biases),
    )


def _joined(towers, shares, kind):
    """An encoder that concatenates the embeddings of several towers."""
    given = [_inputs_of(tower.encoder, kind) for tower in towers]
    if any(_shapes(each) != _shapes(given[0]) for each in given):
        raise ValueError(
            f"`models` must have {kind} encoders that take the same inputs. "
            f"Received: {[_shapes(each) for each in given]}"
        )
    inputs = _like(given[0])
    outputs = []
    for i, (tower, share) in enumerate(zip(towers, shares, strict=True), 1):
        # A separate model, since towers of two models have the same name.
        own = _like(given[0])
        scale = keras.layers.Rescaling(math.sqrt(share), dtype="float32")
        part = keras.Model(own, scale(tower(own)), name=f"{kind}{i}")
        outputs.append(part(inputs))
    joined = keras.layers.Concatenate(dtype="float32")(outputs)
    return keras.Model(inputs, joined, name=f"{kind}_encoder")


def _inputs_of(encoder: Any, kind: str) -> Any:
    try:
        # A Sequential has an `input` only after it was called.
        is_sequential = isinstance(encoder, keras.Sequential)
        return encoder.inputs[0] if is_sequential else encoder.input
    except (AttributeError, ValueError, TypeError) as error:
        raise ValueError(
            f"`models` must have {kind} encoders that are functional models. "
            f"Received: {encoder!r}"
        ) from error


def _like(inputs):
    return keras.tree.map_structure(
        lambda x: keras.Input(batch_shape=x.shape, dtype=x.dtype, name=x.name),
        inputs,
    )


def _shapes(inputs):
    return keras.tree.map_structure(lambda x: str((x.shape, x.dtype)), inputs)
