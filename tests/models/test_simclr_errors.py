"""Bad input stops before, or after the first step of, training."""

import warnings

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests.models.helpers import SIZE
from tests.models.helpers import encoder
from tests.models.helpers import images_and_labels
from tests.models.helpers import simclr
from tests.models.helpers import text_encoder
from tests.models.helpers import to_numpy


def fit(images, *labels, **kwargs):
    simclr(**kwargs).fit(images, *labels, batch_size=8, verbose=0)


def floats(low, high):
    shape = (16, SIZE, SIZE, 3)
    rng = np.random.default_rng(0)
    return rng.uniform(low, high, size=shape).astype("float32")


@pytest.mark.one_case
@pytest.mark.parametrize(
    "images, message",
    [
        (floats(0, 1)[..., 0], r"of shape \(batch, height, width, 3\)"),
        (floats(0, 1)[..., :1], r"of shape \(batch, height, width, 3\)"),
        (floats(0, 1) > 0.5, "uint8 in .0, 255. or floats.*dtype=bool"),
        (floats(0, 255), r"value_range.*\(0, 1\).*span \[\d"),
        (floats(-2, 2), r"value_range.*\(0, 1\).*span \[-"),
        (floats(0, 1)[:1], "at least 2 examples"),
    ],
)
def test_rejects_images(images, message):
    with pytest.raises(ValueError, match=message):
        fit(images)


def test_range_follows_the_augmenter():
    augmenter = kc.layers.simclr_augmentation(
        "cifar10", SIZE, SIZE, value_range=(0, 255)
    )
    model = kc.SimCLRModel(encoder(), augmenter=augmenter)
    model.compile()
    assert model.value_range == (0, 255)
    model.fit(floats(0, 255), batch_size=8, verbose=0)


def test_slight_overshoot_is_no_error():
    fit(floats(-0.1, 1.1))


def test_nan_images_are_named_and_cost_no_weight():
    images = floats(0, 1)
    images[3, 5, 5, 1] = np.nan
    model = simclr()
    with pytest.raises(ValueError, match="inputs must be finite.*NaN.*epoch 1"):
        model.fit(images, batch_size=16, verbose=0)
    for weight in model.weights:
        assert np.isfinite(to_numpy(weight)).all()


@pytest.mark.one_case
@pytest.mark.parametrize("validate", [False, True])
def test_nan_images_after_the_first_batch_are_named_at_the_epochs_end(validate):
    images = floats(0, 1)
    images[15] = np.inf
    validation = {"validation_data": (floats(0, 1),)} if validate else {}
    with pytest.raises(ValueError, match="in 1 of 2 batches of epoch 1"):
        simclr().fit(
            images, batch_size=8, shuffle=False, verbose=0, **validation
        )


@pytest.mark.one_case
@pytest.mark.parametrize("bad", [3, 13])
def test_a_nan_image_is_named_with_its_step_where_asked(bad):
    images = floats(0, 1)
    images[bad, 2, 3] = np.nan
    images[15, 1, 1] = np.inf
    model = simclr()
    expected = (
        f"in {1 if bad < 8 else 2} of the inputs of step {bad // 8 + 1} of "
        f"epoch 1, the first of them number {bad % 8} of the batch"
    )
    with pytest.raises(ValueError, match=expected):
        model.fit(
            images,
            batch_size=8,
            shuffle=False,
            verbose=0,
            callbacks=[kc.callbacks.TrainingHealth(every_step=True)],
        )
    for weight in model.weights:
        assert np.isfinite(to_numpy(weight)).all()


def test_a_nan_loss_is_named_with_its_step_where_asked():
    class Spoil(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if batch == 2:
                variable = self.model.trainable_variables[0]
                variable.assign(np.full(variable.shape, np.nan))

    with pytest.raises(ValueError, match="loss .* nan after step 3 of epoch 1"):
        # Health comes first, wherever it is in the list.
        simclr().fit(
            floats(0, 1),
            batch_size=4,
            verbose=0,
            callbacks=[Spoil(), kc.callbacks.TrainingHealth(every_step=True)],
        )


def test_labels_missing_for_a_probe():
    images, _ = images_and_labels()
    with pytest.raises(ValueError, match=r"must be \(images, labels\)"):
        fit(images, num_classes=4)


def test_encoder_without_pooling():
    feature_map = keras.Sequential(
        [keras.Input((SIZE, SIZE, 3)), keras.layers.Conv2D(8, 3)]
    )
    with pytest.raises(ValueError, match="`encoder` must give.*pool it"):
        kc.SimCLRModel(feature_map)


def test_encoder_without_pooling_that_only_shows_when_called():
    model = simclr(keras.layers.Conv2D(8, 3))
    with pytest.raises(ValueError, match="`encoder` must give.*pool it"):
        model.fit(images_and_labels()[0], verbose=0)


@pytest.mark.one_backend
@pytest.mark.parametrize("kind", [list, dict])
def test_encoder_with_several_outputs(kind):
    x = keras.Input((SIZE, SIZE, 3))
    h = keras.layers.GlobalAveragePooling2D()(x)
    outputs = kind({"a": h, "b": -h}.items())
    if kind is list:
        outputs = [output for _, output in outputs]
    encoder_ = keras.Model(x, outputs)
    message = "must give one vector per example.*a list or dict of 2"
    head = kc.layers.ProjectionHead(8, 4)
    for make in (
        lambda: kc.SimCLRModel(encoder_),
        lambda: kc.SimCLRModel(encoder_, head),
        lambda: kc.DINOModel(encoder_),
        lambda: kc.CLIPModel(encoder_, text_encoder()),
        lambda: kc.DistillationModel(encoder(), teacher=encoder_),
    ):
        with pytest.raises(ValueError, match=message):
            make()


def test_what_cannot_be_left_out():
    unknown = keras.Sequential([keras.layers.GlobalAveragePooling2D()])
    with pytest.raises(ValueError, match="`projector` can only be left out"):
        kc.SimCLRModel(unknown)
    any_size = kc.models.ResNet18("cifar", 8, input_shape=(None, None, 3))
    with pytest.raises(ValueError, match="`augmenter` can only be left out"):
        kc.SimCLRModel(any_size)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (
            {"loss": "mse"},
            "`loss` must be .nt_xent., .*.supcon. or a keras.losses.Loss",
        ),
        ({"metrics": ["accuracy"]}, "`metrics` must be keras.metrics.Metric"),
    ],
)
def test_compile_rejects(arguments, message):
    with pytest.raises(ValueError, match=message):
        simclr(compile=arguments)


def test_collapse_is_warned_of_and_health_is_not():
    images, _ = images_and_labels()
    collapsed = kc.SimCLRModel(
        encoder(),
        keras.layers.Dense(
            4, kernel_initializer="zeros", bias_initializer="ones"
        ),
    )
    collapsed.compile(keras.optimizers.SGD(0.0))
    with pytest.warns(UserWarning, match="collapsed in epoch 1"):
        collapsed.fit(images, batch_size=8, verbose=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        simclr().fit(images, batch_size=8, verbose=0)
