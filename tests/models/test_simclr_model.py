import keras
import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.trainer.keras_internals import is_decayed
from tests.autodiff import value_and_gradients
from tests.models.helpers import KINDS_OF_DATA
from tests.models.helpers import SIZE
from tests.models.helpers import clip
from tests.models.helpers import dual
from tests.models.helpers import encoder
from tests.models.helpers import images_and_labels
from tests.models.helpers import simclr
from tests.models.helpers import to_numpy
from tests.models.helpers import weights_of


@pytest.mark.parametrize(
    "kind, labeled", zip(KINDS_OF_DATA, [True, True, False], strict=True)
)
def test_fit_takes_every_kind_of_data(kind, labeled):
    images, labels = images_and_labels()
    model = simclr(num_classes=4 if labeled else None)
    data = kind((images, labels) if labeled else images)
    history = model.fit(data, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert ("probe_accuracy" in history) == labeled
    assert model.predict(kind(images), verbose=0).shape == (16, 8)


def test_fit_takes_arrays_with_or_without_labels():
    images, labels = images_and_labels()
    model = simclr()
    for arguments in ((images,), (images, labels)):
        history = model.fit(*arguments, batch_size=8, verbose=0).history
        assert set(history) == {"loss", "contrastive_accuracy"}


def test_predict_is_the_encoder_on_unchanged_images():
    images, _ = images_and_labels()
    model = simclr()
    expected = to_numpy(model.encoder(images.astype("float32") / 255))
    close = {"rtol": 1e-4, "atol": 1e-5}
    for x in (images, images.astype("float32") / 255):
        h = model.predict(x, batch_size=8, verbose=0)
        np.testing.assert_allclose(h, expected, **close)
        np.testing.assert_allclose(to_numpy(model(x)), expected, **close)


class ViewSpy(kc.SimCLRModel):
    """Logs how far the two views of an image, and two images, are apart."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.view_distance = keras.metrics.Mean(name="view_distance")
        self.changed = keras.metrics.Mean(name="changed")

    def embed(self, views, training):
        distance = keras.ops.abs(views[0] - views[1])
        self.view_distance.update_state(distance)
        self.changed.update_state(
            keras.ops.any(distance > 1e-3, axis=(1, 2, 3))
        )
        return super().embed(views, training)


def test_views_differ_inside_fit_and_evaluate():
    images, _ = images_and_labels(32)
    model = ViewSpy(
        encoder(),
        kc.layers.ProjectionHead(8, 4),
        kc.layers.simclr_augmentation("cifar10", SIZE, SIZE, seed=1),
    )
    model.compile()
    history = model.fit(images, epochs=2, batch_size=32, verbose=0).history
    # Two crops may coincide, but not those of many images.
    assert min(history["changed"]) > 0.9
    assert min(history["view_distance"]) > 0.03
    # Other draws in the next epoch.
    assert history["view_distance"][0] != history["view_distance"][1]
    results = model.evaluate(images, verbose=0, return_dict=True)
    assert results["changed"] > 0.9


def test_a_step_is_gradient_descent_on_the_loss(rng):
    """Against the gradient of the formula, written without the model."""
    views = rng.uniform(size=(2, 6, SIZE, SIZE, 3)).astype("float32")
    linear = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 3)),
            keras.layers.Flatten(),
            keras.layers.Dense(5, use_bias=False),
        ]
    )
    model = kc.SimCLRModel(linear, keras.layers.Dense(4, use_bias=False))
    model.compile(keras.optimizers.SGD(0.5), kc.losses.NTXentLoss(0.2))
    before = weights_of(model)

    def loss(first, second):
        flat = views.reshape(2, 6, -1)
        z = [keras.ops.matmul(keras.ops.matmul(v, first), second) for v in flat]
        return kc.losses.NTXentLoss(0.2)(*z)

    value, gradients = value_and_gradients(loss, *before)
    logs = model.train_on_batch((views[0], views[1]), return_dict=True)
    assert logs["loss"] == pytest.approx(float(value), rel=1e-5)
    for w, g, after in zip(before, gradients, weights_of(model), strict=True):
        np.testing.assert_allclose(after, w - 0.5 * g, rtol=1e-4, atol=1e-6)


def test_both_views_share_one_encoder_pass(rng):
    views = rng.uniform(size=(2, 6, SIZE, SIZE, 3)).astype("float32")
    model = simclr()
    conv = model.encoder.get_layer("conv")
    norm = model.encoder.get_layer("norm")
    activations = to_numpy(conv(np.concatenate(views)))
    expected = (1 - norm.momentum) * activations.mean((0, 1, 2))
    model.train_on_batch((views[0], views[1]))
    np.testing.assert_allclose(
        to_numpy(norm.moving_mean), expected, rtol=1e-3, atol=1e-6
    )


def test_evaluate_changes_no_weight():
    images, _ = images_and_labels()
    model = simclr()
    before = [to_numpy(v) for v in model.weights]
    results = model.evaluate(images, batch_size=8, verbose=0, return_dict=True)
    assert set(results) == {"loss", "contrastive_accuracy"}
    for a, b in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(a, to_numpy(b))


def test_layer_losses_take_part():
    images, _ = images_and_labels()
    regularised = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 3)),
            keras.layers.Flatten(),
            keras.layers.Dense(8, kernel_regularizer="l2", name="dense"),
        ]
    )
    regularised.get_layer("dense").kernel_regularizer.l2 = 10.0
    model = simclr(regularised, keras.optimizers.SGD(0.01))
    kernel = regularised.get_layer("dense").kernel
    before = np.linalg.norm(to_numpy(kernel))
    logs = model.train_on_batch(images, return_dict=True)
    assert logs["loss"] > 10 * before**2
    assert np.linalg.norm(to_numpy(kernel)) < 0.9 * before


@pytest.mark.one_case
@pytest.mark.parametrize(
    "compile",
    [{"run_eagerly": True}, {"jit_compile": True}, {"steps_per_execution": 2}],
)
def test_compile_options(compile):
    if keras.backend.backend() == "torch" and "run_eagerly" not in compile:
        pytest.skip("Keras on PyTorch: eager steps, one at a time")
    images, _ = images_and_labels()
    model = simclr(compile=compile)
    history = model.fit(images, batch_size=4, epochs=1, verbose=0).history
    assert np.isfinite(history["loss"][0])
    assert model.jit_compile == compile.get("jit_compile", model.jit_compile)


def test_augmentation_keeps_compilation_on():
    model = simclr()
    assert all(layer.supports_jit for layer in model._flatten_layers())


def test_metrics_see_the_projections():
    images, _ = images_and_labels()
    metrics = [kc.metrics.Alignment(), kc.metrics.Uniformity()]
    model = simclr(compile={"metrics": metrics})
    history = model.fit(images, batch_size=8, verbose=0).history
    assert set(history) == {"loss", "alignment", "uniformity"}
    assert 0 < history["alignment"][0] < 4
    assert set(
        simclr(compile={"metrics": []})
        .fit(images, batch_size=8, verbose=0)
        .history
    ) == {"loss"}


@pytest.mark.one_case
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision_ends_near_float32(rng, policy):
    views = rng.uniform(size=(2, 16, SIZE, SIZE, 3)).astype("float32")

    def losses():
        keras.utils.set_random_seed(1)
        model = simclr(optimizer=keras.optimizers.SGD(0.05))
        return [
            model.train_on_batch((views[0], views[1]), return_dict=True)["loss"]
            for _ in range(20)
        ]

    expected = losses()
    keras.config.set_dtype_policy(policy)
    # Loss scaling may skip a first step, so the paths differ, not the end.
    mixed = losses()
    assert np.isfinite(mixed).all()
    assert expected[-1] < 0.8 * expected[0]
    assert mixed[-1] == pytest.approx(expected[-1], rel=0.1)


# The probe.


def test_probe_learns_and_leaves_the_encoder_alone(rng):
    images, labels = images_and_labels(64)
    images[np.arange(64), :, :, 0] = (80 * labels)[:, None, None]

    def trained(labels):
        keras.utils.set_random_seed(3)
        model = simclr(
            optimizer=keras.optimizers.SGD(0.1, momentum=0.9), num_classes=4
        )
        history = model.fit(
            images, labels, batch_size=32, epochs=8, shuffle=False, verbose=0
        ).history
        return model, history

    model, history = trained(labels)
    other, _ = trained((labels + 1) % 4)
    assert history["probe_loss"][-1] < history["probe_loss"][0]
    for a, b in zip(
        weights_of(model.encoder), weights_of(other.encoder), strict=True
    ):
        np.testing.assert_array_equal(a, b)
    assert np.abs(to_numpy(model.probe.kernel - other.probe.kernel)).max() > 0


@pytest.mark.one_case
@pytest.mark.parametrize(
    "make_optimizer",
    [
        lambda: keras.optimizers.SGD(0.1, weight_decay=10.0),
        lambda: kc.optimizers.LARS(0.1, momentum=0.0, weight_decay=10.0),
    ],
)
def test_probe_is_not_decayed(make_optimizer):
    images, labels = images_and_labels()
    model = simclr(optimizer=make_optimizer(), num_classes=4)
    # Equal representations and balanced labels: the kernel has no gradient.
    model.probe.trainable_variables[0].assign(np.ones((8, 4)))
    model.encoder.get_layer("dense").kernel.assign(np.zeros((1 * 8 * 16, 8)))
    model.train_on_batch(images, labels)
    np.testing.assert_allclose(
        to_numpy(model.probe.kernel), np.ones((8, 4)), atol=1e-5
    )


def test_probe_adds_to_the_users_exclusions():
    optimizer = keras.optimizers.SGD(0.1, weight_decay=1.0)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    model = simclr(optimizer=optimizer, num_classes=4)
    decayed = {
        v.path for v in model.trainable_variables if is_decayed(optimizer, v)
    }
    assert not any("bias" in path for path in decayed)
    assert model.probe.kernel.path not in decayed
    assert model.encoder.get_layer("dense").kernel.path in decayed


# Files.


@pytest.mark.one_case
@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_file_round_trip_continues_as_if_never_stopped(tmp_path, dropout):
    if dropout and keras.backend.backend() == "torch":
        pytest.skip(
            "Keras' Dropout draws from torch's global generator, which belongs "
            "to no model"
        )
    images, labels = images_and_labels()
    model = simclr(
        encoder(dropout=dropout),
        compile={"loss": kc.losses.NTXentLoss(0.3)},
        num_classes=4,
    )
    fit = {"batch_size": 8, "shuffle": False, "verbose": 0}
    model.fit(images, labels, **fit)
    model.save(tmp_path / "model.keras")
    restored = keras.models.load_model(tmp_path / "model.keras")
    assert restored.loss.temperature == 0.3
    np.testing.assert_array_equal(
        model.predict(images, verbose=0), restored.predict(images, verbose=0)
    )
    # Optimizer, augmentation and dropout go on where they were.
    expected = model.fit(images, labels, epochs=2, **fit).history
    assert restored.fit(images, labels, epochs=2, **fit).history == expected


def test_restored_probe_is_still_not_decayed(tmp_path):
    images, labels = images_and_labels()
    optimizer = keras.optimizers.SGD(0.0, weight_decay=1.0)
    simclr(optimizer=optimizer, num_classes=4).save(tmp_path / "model.keras")
    restored = keras.models.load_model(tmp_path / "model.keras")
    before = to_numpy(restored.probe.kernel)
    restored.optimizer.learning_rate = 0.0
    restored.fit(images, labels, verbose=0)
    assert not is_decayed(restored.optimizer, restored.probe.kernel)
    np.testing.assert_array_equal(to_numpy(restored.probe.kernel), before)


def test_files_leave_compilation_to_whoever_loads_them():
    assert simclr().get_compile_config()["jit_compile"] == "auto"
    explicit = simclr(compile={"jit_compile": False})
    assert explicit.get_compile_config()["jit_compile"] is False


def test_weights_file_round_trip(tmp_path):
    images, _ = images_and_labels()
    model, other = simclr(), simclr()
    model.fit(images, batch_size=8, verbose=0)
    model.save_weights(tmp_path / "model.weights.h5")
    other.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(
        model.predict(images, verbose=0), other.predict(images, verbose=0)
    )


def test_defaults_follow_the_encoder():
    small = kc.SimCLRModel(kc.models.ResNet18("cifar", width=8))
    small.compile()
    assert small.built
    assert small.projector.hidden_dim == 64
    assert len(small.multi_view.augmenter.layers) == 4
    large = kc.SimCLRModel(
        kc.models.ResNet18("imagenet", width=8, input_shape=(128, 128, 3))
    )
    assert len(large.multi_view.augmenter.layers) == 5


@pytest.mark.parametrize("value_range", [(0, 1), (0, 255)])
def test_representation_model_takes_pixels(value_range, tmp_path):
    model = kc.SimCLRModel(
        encoder(),
        augmenter=kc.layers.RandomResizedCrop(
            SIZE, SIZE, value_range=value_range
        ),
    )
    images, _ = images_and_labels(4)
    expected = model.predict(images, verbose=0)
    classifier = keras.Sequential(
        [model.representation_model(), keras.layers.Identity()]
    )
    for pixels in (images, images.astype("float32")):
        np.testing.assert_allclose(
            to_numpy(classifier(pixels)), expected, rtol=1e-4, atol=1e-5
        )
    assert classifier.layers[0].layers[-1] is model.encoder
    classifier.save(tmp_path / "classifier.keras")
    loaded = keras.models.load_model(tmp_path / "classifier.keras")
    np.testing.assert_allclose(
        to_numpy(loaded(images)), expected, rtol=1e-4, atol=1e-5
    )
    with pytest.raises(ValueError, match="needs an augmenter of images"):
        signals = kc.SimCLRModel(encoder(), augmenter=keras.layers.Identity())
        signals.representation_model()


@pytest.mark.one_backend
@pytest.mark.one_backend
def test_layers_are_named_for_their_role():
    names = [layer.name for layer in simclr(num_classes=4).layers]
    assert "probe" in names


@pytest.mark.one_backend
@pytest.mark.parametrize("make", [simclr, clip, dual])
def test_export_says_what_to_export(make, tmp_path):
    with pytest.raises(ValueError, match=r"\.export\(path\)"):
        make().export(tmp_path / "model")


def test_class_weight_is_refused():
    images, labels = images_and_labels()
    for call in (simclr(num_classes=4).fit, simclr().train_on_batch):
        with pytest.raises(ValueError, match="`class_weight` must be None"):
            call(images, labels, class_weight={0: 2.0, 1: 1.0})
