"""What every method of views can do: one entry of `METHODS` tests a model.

The values of a loss, and what only one method has, are in
`test_<method>_model.py`.
"""

import functools

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests.models.helpers import SIZE
from tests.models.helpers import check_that_a_stopped_run_goes_on
from tests.models.helpers import encoder
from tests.models.helpers import images_and_labels
from tests.models.helpers import to_numpy

IMAGES, LABELS = images_and_labels(32)
IMAGES = IMAGES.astype("float32") / 255


def teacher():
    """A frozen encoder whose vectors are as wide as the heads' outputs."""
    return keras.Sequential(
        [encoder(), keras.layers.Dense(4, kernel_initializer="orthogonal")]
    )


# A class, and its arguments of a function that makes heads.
METHODS = {
    "simclr": (kc.SimCLRModel, lambda head: {}),
    "moco": (kc.MoCoModel, lambda head: {"queue_size": 24}),
    "moco_v3": (
        kc.MoCoModel,
        lambda head: {"queue_size": None, "predictor": head()},
    ),
    "byol": (
        kc.BYOLModel,
        lambda head: {"predictor": head(), "total_steps": 16},
    ),
    "simsiam": (kc.SimSiamModel, lambda head: {"predictor": head()}),
    "nnclr": (
        kc.NNCLRModel,
        lambda head: {"predictor": head(), "queue_size": 24},
    ),
    "swav": (
        kc.SwAVModel,
        lambda head: {
            "num_prototypes": 6,
            "frozen_steps": 1,
            "queue_size": 24,
        },
    ),
    "dino": (
        kc.DINOModel,
        lambda head: {
            "num_prototypes": 6,
            "frozen_steps": 1,
            "momentum": 0.9,
            "total_steps": 16,
        },
    ),
}
METHODS["distillation"] = (
    kc.DistillationModel,
    lambda head: {"teacher": teacher()},
)
ALL = pytest.mark.parametrize("method", METHODS)


def make(method, batch_norm=True, **compile_arguments):
    keras.utils.set_random_seed(1)
    model_class, arguments = METHODS[method]
    head = functools.partial(
        kc.layers.ProjectionHead, 8, 4, use_batch_norm=batch_norm
    )
    model = model_class(
        encoder(batch_norm),
        head(),
        kc.layers.RandomResizedCrop(SIZE, SIZE, scale=(0.5, 1.0), seed=3),
        num_classes=4,
        **arguments(head),
    )
    model.compile(keras.optimizers.SGD(0.1), **compile_arguments)
    return model


def weights_of(model):
    return [to_numpy(v) for v in model.weights]


@pytest.mark.one_backend
@ALL
def test_summary_before_fit_counts_all_weights(method):
    lines = []
    make(method).summary(print_fn=lines.append)
    assert "unbuilt" not in "\n".join(lines)


@ALL
def test_trains_evaluates_predicts_and_is_saved(method, tmp_path):
    model = make(method)
    history = model.fit(
        IMAGES,
        LABELS,
        batch_size=8,
        validation_data=(IMAGES, LABELS),
        verbose=0,
    ).history
    names = {"loss", "contrastive_accuracy", "probe_loss", "probe_accuracy"}
    assert set(history) == names | {f"val_{name}" for name in names}
    assert np.isfinite([*history.values()]).all()
    h = model.predict(IMAGES, batch_size=8, verbose=0)
    np.testing.assert_allclose(
        h, to_numpy(model.encoder(IMAGES)), rtol=1e-4, atol=1e-5
    )
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    # Layers differ in what a file says of their build.
    configs = [m.get_config() for m in (again, model)]
    for part in model.parts:
        assert all(config.pop(part) for config in configs)
    assert configs[0] == configs[1]
    for variable, old, new in zip(
        model.weights, weights_of(model), weights_of(again), strict=True
    ):
        np.testing.assert_array_equal(old, new, err_msg=variable.path)
    pixels = np.uint8(255 * IMAGES)
    np.testing.assert_allclose(
        to_numpy(again.representation_model()(pixels)),
        to_numpy(model.encoder(pixels / np.float32(255))),
        rtol=1e-4,
        atol=1e-5,
    )


# The base's, which test_contrastive_model.py runs on every backend.
@pytest.mark.one_backend
@ALL
def test_microbatches_equal_the_whole(method):
    results = []
    for size in (None, 2):
        # Batch statistics would be those of a microbatch.
        model = make(method, batch_norm=False)
        # At 0.1 the probe diverges from some weights: rounding grows.
        model.compile(keras.optimizers.SGD(0.02), microbatch_size=size)
        history = model.fit(
            IMAGES, LABELS, batch_size=8, epochs=2, shuffle=False, verbose=0
        ).history
        # Not the accuracies, which rounding can decide.
        losses = history["loss"], history["probe_loss"]
        results.append((*losses, *weights_of(model)))
    for whole, parts in zip(*results, strict=True):
        np.testing.assert_allclose(whole, parts, rtol=1e-4, atol=1e-5)


@pytest.mark.one_backend
@ALL
def test_a_stopped_run_goes_on(method, tmp_path):
    check_that_a_stopped_run_goes_on(
        lambda: make(method), IMAGES, LABELS, tmp_path
    )


@pytest.mark.one_backend
@pytest.mark.parametrize("method", ["moco", "byol", "dino"])
def test_a_teacher_is_frozen_where_its_student_is(method, tmp_path):
    model = make(method)
    model.encoder.trainable = False
    model.compile(keras.optimizers.SGD(0.1))
    model.fit(IMAGES, LABELS, batch_size=8, verbose=0)
    model.encoder.trainable = True
    model.encoder.get_layer("conv").trainable = False
    model.compile(keras.optimizers.SGD(0.1))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    views = model.make_views((IMAGES[:8], IMAGES[8:16]), training=True)
    targets = [
        keras.tree.flatten(each.embed_targets(views, training=True))
        for each in (model, again)
    ]
    for ours, theirs in zip(*targets, strict=True):
        np.testing.assert_allclose(to_numpy(ours), to_numpy(theirs), atol=1e-5)


@pytest.mark.parametrize(
    "method", ["simclr", pytest.param("byol", marks=pytest.mark.one_backend)]
)
@pytest.mark.parametrize("microbatch_size", [None, 4])
def test_nothing_to_train_is_warned_of(method, microbatch_size):
    model = make(method)
    model.trainable = False
    model.compile("sgd", microbatch_size=microbatch_size)
    before = [to_numpy(v) for v in model.encoder.weights]
    with pytest.warns(UserWarning, match="no trainable weights"):
        model.fit(IMAGES, LABELS, batch_size=8, verbose=0)
    model.train_on_batch(IMAGES[:8], LABELS[:8])
    for old, variable in zip(before, model.encoder.weights, strict=True):
        np.testing.assert_array_equal(old, to_numpy(variable))


@pytest.mark.one_backend
@pytest.mark.parametrize("method", ["byol", "simsiam", "nnclr"])
def test_the_warning_of_collapse_names_the_causes_of_the_method(method):
    model = make(method)
    # The projector's last layer, a Dense without BatchNorm.
    kernel, bias = model.projector.weights[-2:]
    kernel.assign(np.zeros(kernel.shape))
    bias.assign(np.ones(bias.shape))
    model.compile(keras.optimizers.SGD(0.0))
    with pytest.warns(UserWarning) as caught:
        model.fit(IMAGES, LABELS, batch_size=8, verbose=0)
    messages = [str(each.message) for each in caught]
    assert any(model.collapse_causes in message for message in messages)
    assert model.collapse_causes != kc.SimCLRModel.collapse_causes


@pytest.mark.slow
@ALL
def test_mixed_precision_ends_near_float32(method):
    # Rounding decides which neighbor is the nearest: one step of NNCLR.
    epochs, count = (1, 8) if method == "nnclr" else (2, len(IMAGES))
    data = IMAGES[:count], LABELS[:count]

    def losses():
        model = make(method)
        model.compile(keras.optimizers.SGD(0.01))
        history = model.fit(
            *data, batch_size=8, epochs=epochs, shuffle=False, verbose=0
        ).history
        h = model.predict(IMAGES, batch_size=8, verbose=0)
        assert np.isfinite(np.float32(h)).all()
        return history["loss"]

    expected = losses()
    before = keras.config.dtype_policy()
    try:
        # Keras lowers the scale of the float16 loss during the first steps and
        # does not apply them, so the losses differ from those in float32.
        keras.config.set_dtype_policy("mixed_float16")
        assert np.isfinite(losses()).all()
        keras.config.set_dtype_policy("mixed_bfloat16")
        np.testing.assert_allclose(losses(), expected, rtol=0.05)
    finally:
        keras.config.set_dtype_policy(before)
