"""Interpolates between pretrained and fine-tuned weights."""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_contrastive.trainer.keras_internals import refresh_normalization
from keras_contrastive.validation import check_layer
from keras_contrastive.validation import check_list
from keras_contrastive.validation import check_probability


def interpolate_weights(
    model: keras.Model,
    pretrained: Sequence[np.ndarray],
    tuned: Sequence[np.ndarray],
    fraction: float = 0.5,
) -> None:
    """Sets a model's weights between two others': WiSE-FT.

    `weights = (1 - fraction) * pretrained + fraction * tuned`

    Fine-tuning on one domain reduces the accuracy on others. Averaging the
    weights with the pretrained ones often keeps most of the gain and loses
    little accuracy, at no cost. Weights that are not floats, such as counters
    and seeds, are taken from `tuned`. Moving averages of batch normalization
    are interpolated like weights.

    Args:
        model: A built model. A model with adapters needs `merge_lora` first.
        pretrained: `model.get_weights()` from before the fine-tuning.
        tuned: `model.get_weights()` from after it.
        fraction: Float from 0, pretrained, to 1, tuned.

    Raises:
        ValueError: If the weights do not fit the model, or `fraction` is out of
            range.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    encoder = kc.models.ConvNet(input_shape=(16, 16, 3), width=4)
    pretrained = encoder.get_weights()
    tuned = [weight + 1 for weight in pretrained]  # in place of `fit`
    kc.fine_tuning.interpolate_weights(encoder, pretrained, tuned, 0.25)
    change = encoder.get_weights()[0] - pretrained[0]
    np.testing.assert_allclose(change, 0.25, rtol=1e-5)
    ```

    Reference:
        Wortsman et al., 2022, Robust fine-tuning of zero-shot models.
    """
    fraction = check_probability("fraction", fraction)
    _check(model, pretrained, "pretrained")
    _check(model, tuned, "tuned")
    _set_weights(
        model,
        [
            _between(before, after, fraction)
            for before, after in zip(pretrained, tuned, strict=True)
        ],
    )


def interpolation_curve(
    model: keras.Model,
    pretrained: Sequence[np.ndarray],
    evaluate: Callable[[], dict[str, float]],
    fractions: Sequence[float] = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0),
) -> list[dict[str, float]]:
    """Scores a model at weights between the pretrained ones and its own.

    The function restores the model's own weights at the end, also after an
    error.

    Args:
        model: The fine-tuned model.
        pretrained: `model.get_weights()` from before the fine-tuning.
        evaluate: Function without arguments that scores the model with its
            current weights, and returns a dict of numbers, such as scores on
            the new and the old task.
        fractions: Floats from 0, pretrained, to 1, tuned.

    Returns:
        A list of one dict per fraction: `"fraction"`, and what `evaluate`
        returned. `pandas.DataFrame(curve)` makes a table.

    Raises:
        ValueError: As `interpolate_weights`.

    Example:

    ```python
    import keras
    import numpy as np
    import keras_contrastive as kc

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    pretrained = model.get_weights()
    model.set_weights([weight + 1 for weight in pretrained])
    curve = kc.fine_tuning.interpolation_curve(
        model,
        pretrained,
        lambda: {"output": model.predict(np.ones((1, 2)), verbose=0).mean()},
    )
    for point in curve:
        print(point)
    ```

    Reference:
        Wortsman et al., 2022, Robust fine-tuning of zero-shot models, figure 1.
    """
    tuned = model.get_weights()
    curve = []
    try:
        for fraction in fractions:
            interpolate_weights(model, pretrained, tuned, fraction)
            curve.append({"fraction": float(fraction), **evaluate()})
    finally:
        _set_weights(model, tuned)
    return curve


def _set_weights(model, weights):
    model.set_weights(weights)
    refresh_normalization(model)


def _check(model, weights, argument):
    check_layer("model", model)
    weights = check_list(argument, weights, "arrays")
    shapes = [tuple(variable.shape) for variable in model.weights]
    received = [np.shape(weight) for weight in weights]
    if shapes == received:
        return
    if len(shapes) != len(received):
        what = f"{len(received)} arrays, where the model has {len(shapes)}"
    else:
        place = [
            one == other for one, other in zip(shapes, received, strict=True)
        ].index(False)
        what = (
            f"shape {received[place]} for {model.weights[place].path!r}, of "
            f"shape {shapes[place]}"
        )
    raise ValueError(
        f"`{argument}` must be the result of `get_weights` of this model, once "
        f"it is built, as by `compile`. Received: {what}"
    )


def _between(before: Any, after: Any, fraction: float) -> np.ndarray:
    before, after = np.asarray(before), np.asarray(after)
    if after.dtype.kind in "iub" or fraction == 1:
        return after
    if fraction == 0:
        return before
    # In float32 at least, for weights of any dtype.
    wide = "float64" if after.dtype == "float64" else "float32"
    mixed = (1 - fraction) * before.astype(wide) + fraction * after.astype(wide)
    return mixed.astype(after.dtype)
