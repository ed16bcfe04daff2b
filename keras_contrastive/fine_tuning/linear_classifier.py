"""A classifier whose head is fitted to an encoder's representations."""

from typing import Any

import keras
import numpy as np

from keras_contrastive.evaluation.checks import as_labels
from keras_contrastive.evaluation.extract_features import extract_features
from keras_contrastive.evaluation.probe import feature_statistics
from keras_contrastive.evaluation.probe import solve_probe
from keras_contrastive.evaluation.probe import standardized_inputs
from keras_contrastive.validation import check_layer
from keras_contrastive.validation import check_positive_int

MOST_PASSES = 200


def linear_classifier(
    encoder: keras.Model,
    images: Any,
    labels: Any,
    num_classes: int | None = None,
    augmenter: keras.Layer | None = None,
    batch_size: int = 128,
    verbose: int | str = "auto",
) -> keras.Sequential:
    """Builds a classifier from an encoder and a linear layer that it fits.

    The linear layer is the optimum of multinomial logistic regression on the
    representations of the images, as in `evaluation.linear_probe` with
    `solver="lbfgs"`. The encoder is not changed. With a few labels per class,
    use the result without further training. With more labels, compile and fit
    it at a small learning rate. Fine-tuning then starts from a head that fits
    the encoder, and not from a random head, whose large gradients would distort
    the features.

    Args:
        encoder: A built model, images to vectors `(batch, dim)`, such as
            `model.representation_model()` of a `SimCLRModel`, for pixels of 0
            to 255. It is shared with the classifier, not copied.
        images: Array of images `(n, height, width, channels)`.
        labels: Integers from 0 to `num_classes - 1`, shape `(n,)`.
        num_classes: Int. Defaults to one more than the largest label.
        augmenter: Layer that changes the images at random in training, before
            the encoder. Defaults to no layer.
        batch_size: Int, number of images that are encoded at a time.
        verbose: As in `keras.Model.predict`.

    Returns:
        A built `keras.Sequential`, images to logits `(batch, num_classes)`.

    Raises:
        ValueError: If the encoder does not return vectors or does not know its
            input shape, or the labels do not fit the images or the number of
            classes, or all have one class.

    Example:

    ```python
    import keras
    import keras_contrastive as kc

    data = kc.datasets.shapes(64, image_size=32, label="color")
    simclr = kc.SimCLRModel(kc.models.ConvNet(8, 2, (32, 32, 3)))
    classifier = kc.fine_tuning.linear_classifier(
        simclr.representation_model(), data.images, data.labels, verbose=0
    )
    classifier.compile(
        keras.optimizers.Adam(1e-4),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    classifier.fit(data.images, data.labels, verbose=0)
    ```

    Reference:
        Kumar et al., 2022, Fine-Tuning can Distort Pretrained Features and
        Underperform Out-of-Distribution, on a linear head before fine-tuning.
    """
    shape = getattr(encoder, "input_shape", None)
    if not isinstance(shape, tuple) or None in shape[1:]:
        raise ValueError(
            "`encoder` must be a model that knows the shape of its images. "
            f"Received: encoder={encoder!r}, input_shape={shape}"
        )
    labels = as_labels(labels, "labels", len(images))
    if labels.dtype.kind not in "iu" or labels.min() < 0:
        shown = [str(label) for label in np.unique(labels)[:3]]
        raise ValueError(
            "`labels` must be integers from 0; turn names into them by names, "
            "labels = np.unique(names, return_inverse=True). Received: labels "
            f"of dtype {labels.dtype}, such as {', '.join(shown)}"
        )
    present = np.unique(labels)
    if len(present) < 2:
        raise ValueError(
            f"`labels` must be of two or more classes. Received: {present[0]} "
            "only"
        )
    if num_classes is None:
        num_classes = int(present[-1]) + 1
    num_classes = check_positive_int("num_classes", num_classes)
    if num_classes <= present[-1]:
        raise ValueError(
            "`num_classes` must be greater than the largest label. Received: "
            f"num_classes={num_classes} with a label {present[-1]}"
        )
    if augmenter is not None:
        check_layer("augmenter", augmenter)
    features, _ = extract_features(encoder, images, batch_size, verbose)
    head = keras.layers.Dense(num_classes, dtype="float32", name="head")
    layers = (
        [encoder, head] if augmenter is None else [augmenter, encoder, head]
    )
    classifier = keras.Sequential([keras.Input(shape[1:]), *layers])
    head.set_weights(_solve_head(features, labels, num_classes))
    return classifier


def _solve_head(features, labels, num_classes):
    """The kernel and the bias of the optimum, for unscaled features."""
    mean, scale = feature_statistics(features)
    weights = solve_probe(
        standardized_inputs(features, mean, scale),
        labels,
        num_classes,
        MOST_PASSES,
    )
    kernel = weights[:-1] / scale[:, None]
    return [kernel, weights[-1] - mean @ kernel]
