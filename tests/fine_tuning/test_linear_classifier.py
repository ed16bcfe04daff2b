import keras
import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.fine_tuning import linear_classifier


def encoder(width=6):
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((4, 4, 3)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(width, activation="tanh"),
        ]
    )


def images_and_labels(n=90, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    images = rng.integers(0, 120, (n, 4, 4, 3))
    images[np.arange(n), :, :, labels] += 130
    return images.astype("uint8"), labels


def test_the_head_is_the_optimum_of_the_linear_probe():
    images, labels = images_and_labels()
    new_images, new_labels = images_and_labels(60, seed=1)
    model = encoder()
    classifier = linear_classifier(model, images, labels, verbose=0)
    logits = classifier.predict(new_images, verbose=0)
    expected = kc.evaluation.linear_probe(
        model.predict(images, verbose=0),
        labels,
        model.predict(new_images, verbose=0),
        new_labels,
        solver="lbfgs",
        epochs=200,
        verbose=0,
    )
    accuracy = np.mean(logits.argmax(axis=1) == new_labels)
    assert accuracy == pytest.approx(expected["accuracy"])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    assert float(loss(new_labels, logits)) == pytest.approx(
        expected["loss"], abs=1e-3
    )


def test_fine_tunes_encoder_and_head():
    images, labels = images_and_labels()
    model = encoder()
    classifier = linear_classifier(
        model,
        images,
        labels,
        augmenter=kc.layers.RandomFlip(value_range=(0, 255)),
    )
    before = [w.copy() for w in model.get_weights()]
    classifier.compile(
        keras.optimizers.Adam(1e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    loss, _ = classifier.evaluate(images, labels, verbose=0)
    history = classifier.fit(images, labels, epochs=5, verbose=0).history
    assert history["loss"][-1] < loss
    assert not np.allclose(before[0], model.get_weights()[0])


@pytest.mark.one_backend
def test_a_constant_feature_and_a_class_without_examples():
    images, labels = images_and_labels()
    model = encoder()
    kernel, bias = model.layers[-1].get_weights()
    kernel[:, 0] = 0
    model.layers[-1].set_weights([kernel, bias])
    classifier = linear_classifier(model, images, labels, 5, verbose=0)
    logits = classifier.predict(images, verbose=0)
    assert logits.shape == (90, 5) and np.isfinite(logits).all()
    assert np.mean(logits.argmax(axis=1) == labels) > 0.9


@pytest.mark.one_backend
@pytest.mark.parametrize(
    "change, message",
    [
        ({"labels": np.zeros(90, int)}, "two or more classes"),
        ({"labels": np.zeros(9, int)}, "one class per row"),
        ({"labels": np.array(["a", "b"] * 45)}, "integers from 0"),
        ({"labels": np.arange(90) % 3 - 1}, "integers from 0"),
        ({"num_classes": 2}, "greater than the largest label"),
        ({"num_classes": 0}, "num_classes"),
        (
            {"encoder": keras.Sequential([keras.layers.Flatten()])},
            "knows the shape",
        ),
    ],
)
def test_says_what_is_wrong(change, message):
    images, labels = images_and_labels()
    arguments = {"encoder": encoder(), "images": images, "labels": labels}
    with pytest.raises(ValueError, match=message):
        linear_classifier(**{**arguments, **change}, verbose=0)
