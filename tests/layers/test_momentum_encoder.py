import keras
import numpy as np
import pytest
from keras import ops

import keras_contrastive as kc
from tests.models.helpers import to_numpy

X = np.random.default_rng(0).normal(size=(4, 6)).astype("float32")


def student():
    return keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(5, activation="relu"),
            keras.layers.BatchNormalization(momentum=0.5),
            keras.layers.Dense(3),
        ]
    )


def test_starts_equal_and_follows():
    source = student()
    teacher = kc.layers.MomentumEncoder(source, momentum=0.75)
    np.testing.assert_allclose(to_numpy(teacher(X)), to_numpy(source(X)))
    before = [to_numpy(v) for v in source.trainable_variables]
    for variable in source.trainable_variables:
        variable.assign(variable + 1.0)
    for _ in range(3):
        teacher.update(source)
    found = [
        to_numpy(v)
        for v, other in zip(
            teacher.encoder.weights, source.weights, strict=True
        )
        if other.trainable
    ]
    for start, value in zip(before, found, strict=True):
        np.testing.assert_allclose(value, start + 1 - 0.75**3, rtol=1e-5)
    assert int(teacher.num_updates) == 3


def adapted():
    """A layer whose statistics are weights, adapted to `X`."""
    normalize = keras.layers.Normalization()
    normalize.adapt(3 * X + 1)
    return keras.Sequential([keras.Input((6,)), normalize])


def test_starts_with_the_statistics_of_a_normalization():
    source = adapted()
    teacher = kc.layers.MomentumEncoder(source)
    np.testing.assert_allclose(to_numpy(teacher(X)), to_numpy(source(X)))


def test_follows_what_is_frozen_later():
    source = student()
    teacher = kc.layers.MomentumEncoder(source)
    source(X, training=True)  # moves the statistics
    teacher.copy_weights(source)
    for trainable in (False, True):
        source.layers[1].trainable = trainable
        teacher.follow_trainable(source)
        assert not teacher.trainable_variables
        found = [
            to_numpy(encoder(X, training=True)) for encoder in (source, teacher)
        ]
        np.testing.assert_allclose(*found, atol=1e-6)


def test_refuses_adapters_that_it_lacks():
    source = student()
    teacher = kc.layers.MomentumEncoder(source)
    source.layers[0].enable_lora(2)
    with pytest.raises(ValueError, match="no LoRA adapters.*`fine_tuning.merg"):
        teacher.follow_trainable(source)


def test_moves_only_when_an_update_is_due():
    source = student()
    teacher = kc.layers.MomentumEncoder(source, 0.75, total_steps=4)
    start = to_numpy(teacher.encoder.weights[0])
    source.weights[0].assign(start + 1)
    for number, moved in ((0, 0), (1, 0.25)):
        teacher.update(source, is_due=ops.convert_to_tensor(bool(number)))
        assert int(teacher.num_updates) == number
        np.testing.assert_allclose(
            to_numpy(teacher.encoder.weights[0]), start + moved, atol=1e-6
        )


def test_has_batch_statistics_of_its_own():
    source = student()
    teacher = kc.layers.MomentumEncoder(source)
    outputs = teacher(X, training=True)
    # Normalized by the batch, as a trainable layer is.
    np.testing.assert_allclose(
        to_numpy(outputs), to_numpy(source(X, training=True)), rtol=1e-5
    )
    norm, other = teacher.encoder.layers[1], source.layers[1]
    np.testing.assert_allclose(
        to_numpy(norm.moving_mean), to_numpy(other.moving_mean), rtol=1e-5
    )
    source(10 * X, training=True)
    kept = to_numpy(norm.moving_mean)
    teacher.update(source)
    np.testing.assert_array_equal(to_numpy(norm.moving_mean), kept)
    assert not np.allclose(kept, to_numpy(other.moving_mean))


def test_no_weight_is_trained():
    source = student()
    teacher = kc.layers.MomentumEncoder(source)
    model = keras.Sequential([keras.Input((6,)), teacher])
    assert not model.trainable_variables
    model.trainable = False
    model.trainable = True
    assert not model.trainable_variables
    assert len(source.trainable_variables) == 6


def test_no_weight_is_trained_whenever_it_is_built():
    def built_by_shapes(teacher, source):
        teacher(keras.KerasTensor((4, 6)))

    def built_by_a_call(teacher, source):
        teacher(X)

    def built_outside(teacher, source):
        teacher.encoder.build((4, 6))
        teacher.copy_weights(source)

    for build in (built_by_shapes, built_by_a_call, built_outside):
        source = keras.layers.Dense(3)
        source(X)
        teacher = kc.layers.MomentumEncoder(keras.layers.Dense(3))
        build(teacher, source)
        assert len(teacher.weights) == 3
        assert not teacher.trainable_weights
    assert teacher.trainable is True
    teacher.trainable = False
    assert teacher.trainable is False


def test_the_momentum_rises_along_half_a_cosine():
    source = student()
    teacher = kc.layers.MomentumEncoder(source, 0.6, total_steps=4)
    momenta = []
    for _ in range(6):
        momenta.append(float(teacher.current_momentum()))
        teacher.update(source)
    steps = np.minimum(np.arange(6), 4)
    expected = 1 - 0.4 * (np.cos(np.pi * steps / 4) + 1) / 2
    np.testing.assert_allclose(momenta, expected, rtol=1e-6)


def test_files_and_configs(tmp_path):
    source = student()
    teacher = kc.layers.MomentumEncoder(source, 0.9, total_steps=7)
    for variable in source.trainable_variables:
        variable.assign(variable + 1.0)
    teacher.update(source)
    model = keras.Sequential([keras.Input((6,)), teacher])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(to_numpy(again(X)), to_numpy(model(X)))
    copy = again.layers[0]
    assert (copy.momentum, copy.total_steps) == (0.9, 7)
    assert int(copy.num_updates) == 1
    assert not again.trainable_variables


def test_a_source_that_is_not_built():
    source = keras.layers.Dense(3)
    teacher = kc.layers.MomentumEncoder(source)
    source(X), teacher(X)
    teacher.copy_weights(source)
    np.testing.assert_allclose(to_numpy(teacher(X)), to_numpy(source(X)))


def test_no_gradient_flows():
    source = student()
    teacher = kc.layers.MomentumEncoder(source)
    dense = keras.layers.Dense(3)
    model = keras.Sequential([keras.Input((3,)), dense])

    class Distance(keras.losses.Loss):
        def call(self, y_true, y_pred):
            return ops.mean((teacher(y_true) - y_pred) ** 2, axis=-1)

    model.compile("sgd", Distance(), run_eagerly=True)
    if keras.backend.backend() == "jax":
        pytest.skip("JAX differentiates the variables of the model alone.")
    before = [to_numpy(v) for v in teacher.encoder.weights]
    model.fit(X[:, :3], X, verbose=0)
    for old, variable in zip(before, teacher.encoder.weights, strict=True):
        np.testing.assert_array_equal(old, to_numpy(variable))


def test_says_what_is_wrong():
    with pytest.raises(ValueError, match=r"`momentum` must be in \[0, 1\]"):
        kc.layers.MomentumEncoder(student(), momentum=1.5)
    with pytest.raises(ValueError, match="`total_steps` must be a positive"):
        kc.layers.MomentumEncoder(student(), total_steps=0)
    with pytest.raises(ValueError, match="`source` must be a Keras model"):
        kc.layers.MomentumEncoder("resnet")

    class WithoutConfig(keras.layers.Layer):
        def __init__(self, width):
            super().__init__()

    with pytest.raises(ValueError, match="must have a `get_config`"):
        kc.layers.MomentumEncoder(WithoutConfig(3))
    teacher = kc.layers.MomentumEncoder(student())
    other = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3)])
    with pytest.raises(ValueError, match="weights of the same shapes"):
        teacher.update(other)
