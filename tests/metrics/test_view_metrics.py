"""Alignment, uniformity and contrastive accuracy against slow references."""

import keras
import numpy as np
import pytest

from keras_contrastive.losses import key_blocks
from keras_contrastive.metrics import Alignment
from keras_contrastive.metrics import ContrastiveAccuracy
from keras_contrastive.metrics import EffectiveRank
from keras_contrastive.metrics import RetrievalRecall
from keras_contrastive.metrics import Uniformity
from tests.oracles import normalize

ALL = [Alignment, ContrastiveAccuracy, EffectiveRank, Uniformity]


def make_views(rng, batch=12, dim=5, noise=1.0):
    z_a = rng.standard_normal((batch, dim)) * 3
    z_b = z_a + noise * rng.standard_normal((batch, dim)) * 3
    return z_a.astype("float32"), z_b.astype("float32")


def contrastive_accuracy(z_a, z_b):
    z = normalize(np.concatenate([z_a, z_b]).astype("float64"))
    n = len(z_a)
    correct = []
    for i in range(2 * n):
        others = [k for k in range(2 * n) if k != i]
        correct.append(
            max(others, key=lambda k: z[i] @ z[k]) == (i + n) % (2 * n)
        )
    return np.mean(correct)


def alignment(z_a, z_b):
    z_a, z_b = (
        normalize(z_a.astype("float64")),
        normalize(z_b.astype("float64")),
    )
    return np.mean(
        [np.sum((a - b) ** 2) for a, b in zip(z_a, z_b, strict=True)]
    )


def uniformity(z_a, z_b, weights=None):
    n = len(z_a)
    weights = np.ones(n) if weights is None else weights
    total, count = 0.0, 0.0
    for view in (z_a, z_b):
        z = normalize(view.astype("float64"))
        for i in range(n):
            others = [j for j in range(n) if j != i]
            kernel = [np.exp(-2 * np.sum((z[i] - z[j]) ** 2)) for j in others]
            total += weights[i] * np.average(kernel, weights=weights[others])
            count += weights[i]
    return np.log(total / count)


ORACLES = [
    (Alignment, alignment),
    (ContrastiveAccuracy, contrastive_accuracy),
    (Uniformity, uniformity),
]


def value(metric, *args, **kwargs):
    metric.update_state(*args, **kwargs)
    return float(metric.result())


@pytest.mark.parametrize(("metric", "oracle"), ORACLES)
@pytest.mark.parametrize("block_size", [1024, 24, 7, 1])
def test_equals_oracle_for_any_block(
    metric, oracle, block_size, rng, monkeypatch
):
    monkeypatch.setattr(key_blocks, "CPU_BLOCK", (1, block_size))
    z_a, z_b = make_views(rng)
    np.testing.assert_allclose(
        value(metric(), z_a, z_b), oracle(z_a, z_b), rtol=1e-5
    )


def test_contrastive_accuracy_counts_hits():
    # Rows 0 and 1 find their positives; row 2's points the other way.
    z_a = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    z_b = np.array([[1.0, 0.1], [0.1, 1.0], [1.0, 0.9]])
    accuracy = value(ContrastiveAccuracy(), z_a, z_b)
    np.testing.assert_allclose(accuracy, contrastive_accuracy(z_a, z_b))
    np.testing.assert_allclose(accuracy, 4 / 6)
    weights = np.array([1.0, 1.0, 0.0])
    accuracy = value(ContrastiveAccuracy(), z_a, z_b, sample_weight=weights)
    assert accuracy == 1.0


@pytest.mark.parametrize("scale", [0.0, 1.0, 1e4])
def test_collapsed_embeddings_look_collapsed(scale):
    z = np.full((40, 8), scale, "float32")
    assert value(ContrastiveAccuracy(), z, z) < 0.1
    np.testing.assert_allclose(value(Alignment(), z, z), 0.0, atol=1e-6)
    np.testing.assert_allclose(value(Uniformity(), z, z), 0.0, atol=1e-5)


@pytest.mark.parametrize("metric", ALL)
def test_batch_of_one_is_finite(metric):
    z = np.array([[1.0, 2.0]])
    assert np.isfinite(value(metric(), z, z))


@pytest.mark.parametrize("metric", ALL)
def test_no_data_gives_zero(metric):
    assert float(metric().result()) == 0.0


@pytest.mark.parametrize(("metric", "oracle"), ORACLES)
def test_float16_embeddings_are_measured_in_float32(metric, oracle, rng):
    keras.config.set_dtype_policy("mixed_float16")
    # In float16 the squared norm overflows at 256.
    z_a, z_b = (z.astype("float16") * 100 for z in make_views(rng))
    np.testing.assert_allclose(
        value(metric(), z_a, z_b), oracle(z_a, z_b), rtol=1e-4
    )


@pytest.mark.parametrize("metric", [Alignment, EffectiveRank])
def test_batches_accumulate_to_one_large_batch(metric, rng):
    z_a, z_b = make_views(rng, batch=30)
    parts, whole = metric(), metric()
    for rows in (slice(0, 12), slice(12, 17), slice(17, 30)):
        parts.update_state(z_a[rows], z_b[rows])
    whole.update_state(z_a, z_b)
    np.testing.assert_allclose(
        float(parts.result()), float(whole.result()), rtol=1e-4
    )


def test_batch_dependent_metrics_average_over_embeddings(rng):
    first, second = make_views(rng, batch=4), make_views(rng, batch=8)
    accuracy = ContrastiveAccuracy()
    spread = Uniformity()
    for z_a, z_b in (first, second):
        accuracy.update_state(z_a, z_b)
        spread.update_state(z_a, z_b)
    expected = np.average(
        [contrastive_accuracy(*first), contrastive_accuracy(*second)],
        weights=[4, 8],
    )
    np.testing.assert_allclose(float(accuracy.result()), expected, rtol=1e-6)
    potentials = np.exp([uniformity(*first), uniformity(*second)])
    np.testing.assert_allclose(
        float(spread.result()),
        np.log(np.average(potentials, weights=[4, 8])),
        rtol=1e-5,
    )


def test_sample_weights(rng):
    z_a, z_b = make_views(rng, batch=6)
    weights = np.array([1.0, 0.0, 2.0, 0.5, 1.0, 1.0])
    np.testing.assert_allclose(
        value(Uniformity(), z_a, z_b, sample_weight=weights),
        uniformity(z_a, z_b, weights),
        rtol=1e-5,
    )
    kept = weights > 0
    for metric in (Uniformity, Alignment, EffectiveRank):
        np.testing.assert_allclose(
            value(metric(), z_a, z_b, sample_weight=kept.astype("float32")),
            value(metric(), z_a[kept], z_b[kept]),
            rtol=1e-4,
        )


@pytest.mark.parametrize("metric", [*ALL, RetrievalRecall])
def test_shapes_of_sample_weights(metric, rng):
    views = make_views(rng, batch=6)
    expected = value(metric(), *views)
    for weight in (2.0, np.ones(1), np.ones((6, 1))):
        actual = value(metric(), *views, sample_weight=weight)
        np.testing.assert_allclose(actual, expected, rtol=1e-5)
    for shape in ((3,), (12,), (6, 5), (1, 6)):
        with pytest.raises(ValueError, match="`sample_weight` must be"):
            metric().update_state(*views, sample_weight=np.ones(shape))


@pytest.mark.parametrize("metric", [*ALL, RetrievalRecall])
def test_an_empty_batch_adds_nothing(metric, rng):
    z_a, z_b = make_views(rng)
    instance = metric()
    expected = value(instance, z_a, z_b)
    assert value(instance, z_a[:0], z_b[:0]) == expected


@pytest.mark.parametrize("metric", [Alignment, EffectiveRank, Uniformity])
def test_nan_gives_nan(metric, rng):
    z_a, z_b = make_views(rng)
    one_nan = np.where(np.arange(12)[:, None] == 3, np.nan, z_a)
    assert np.isnan(value(metric(), one_nan, z_b))
    weights = np.full(12, np.nan)
    assert np.isnan(value(metric(), z_a, z_b, sample_weight=weights))


@pytest.mark.parametrize("metric", ALL)
def test_reset_state(metric, rng):
    instance = metric()
    instance.update_state(*make_views(rng))
    instance.reset_state()
    z_a, z_b = make_views(rng)
    np.testing.assert_allclose(
        value(instance, z_a, z_b), value(metric(), z_a, z_b), rtol=1e-5
    )


@pytest.mark.parametrize("metric", ALL)
def test_serialization(metric):
    instance = metric(name="mine")
    config = keras.saving.serialize_keras_object(instance)
    assert config["registered_name"].startswith("keras_contrastive>")
    copy = keras.saving.deserialize_keras_object(config)
    assert type(copy) is metric
    assert copy.get_config() == instance.get_config()


@pytest.mark.parametrize("metric", ALL)
@pytest.mark.parametrize(
    ("shape_a", "shape_b"), [((4, 3), (4, 2)), ((4, 3), (5, 3)), ((4,), (4,))]
)
def test_mismatched_views_are_refused(metric, shape_a, shape_b):
    with pytest.raises(ValueError, match="`z_a` and `z_b`"):
        metric().update_state(np.ones(shape_a), np.ones(shape_b))


@pytest.mark.parametrize("metric", ALL)
def test_compiled_step_equals_eager(metric, rng):
    z_a, z_b = make_views(rng)
    instance = metric(dim=5) if metric is EffectiveRank else metric()
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        variables = [v.value for v in instance.variables]
        update = jax.jit(instance.stateless_update_state)
        variables = update(variables, z_a, z_b)
        compiled = jax.jit(instance.stateless_result)(variables)
    elif backend == "tensorflow":
        import tensorflow as tf

        @tf.function(jit_compile=True)
        def step(z_a, z_b):
            instance.update_state(z_a, z_b)
            return instance.result()

        compiled = step(z_a, z_b)
    else:
        instance.update_state(z_a, z_b)
        compiled = instance.result()
    np.testing.assert_allclose(
        float(compiled), value(metric(), z_a, z_b), rtol=1e-4
    )


@keras.saving.register_keras_serializable(package="tests")
class TwoViews(keras.Model):
    """Embeds an image and a noisy copy; its metrics see both."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(4)
        self.view_metrics = [metric() for metric in ALL]

    def call(self, x):
        return self.dense(x)

    def compute_loss(
        self, x, y=None, y_pred=None, sample_weight=None, training=True
    ):
        other = self.dense(x + 0.1)
        for metric in self.view_metrics:
            metric.update_state(y_pred, other)
        return keras.ops.mean(keras.ops.square(y_pred - other))


def test_metrics_in_fit_on_ragged_batches(rng):
    model = TwoViews()
    model.compile("sgd")
    x = rng.standard_normal((20, 6)).astype("float32")
    history = model.fit(x, batch_size=8, epochs=2, verbose=0).history
    for name in (metric().name for metric in ALL):
        assert np.isfinite(history[name]).all()
    assert history["effective_rank"][0] > 1.0


def test_views_of_unknown_batch_size_on_tensorflow(rng):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("Only TensorFlow traces with an unknown batch size.")
    import tensorflow as tf

    metrics = [ContrastiveAccuracy(), Uniformity()]

    @tf.function(input_signature=[tf.TensorSpec((None, 5))] * 2)
    def step(z_a, z_b):
        for metric in metrics:
            metric.update_state(z_a, z_b)

    z_a, z_b = make_views(rng)
    step(z_a, z_b)
    np.testing.assert_allclose(
        [float(metric.result()) for metric in metrics],
        [contrastive_accuracy(z_a, z_b), uniformity(z_a, z_b)],
        rtol=1e-5,
    )
