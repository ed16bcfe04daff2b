"""The steps of each backend, with numbers that one can compute by hand."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_contrastive as kc

RATE, FIRST = 0.1, 0.5
X = np.arange(1, 9, dtype="float32").reshape(8, 1)


class Follower(kc.models.ContrastiveModel):
    """One weight that follows three times the views, ten times in training."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(
            1, use_bias=False, kernel_initializer=keras.initializers.Constant(0)
        )
        self.seen = self.add_weight(shape=(2,), trainable=False, name="seen")

    def build(self, input_shape):
        self.dense.build((None, 1))

    def make_views(self, x, training):
        x = ops.convert_to_tensor(x)
        return [x * 2 if training else x]

    def embed(self, views, training):
        z = self.dense(views[0])
        return {"pair": (z + 1 if training else z, z)}

    def embed_targets(self, views, training):
        return views[0] * (10 if training else 3)

    def compute_losses(self, embeddings, targets, y, sample_weight, training):
        difference = embeddings["pair"][0] - targets
        loss = ops.mean(
            ops.multiply(sample_weight, ops.squeeze(difference, 1) ** 2)
        )
        return {"loss": loss + (0 if training else 100)}

    def after_update(self, embeddings, targets):
        means = [ops.mean(x) for x in (embeddings["pair"][0], targets)]
        self.seen.assign(ops.stack(means))

    def call(self, x, training=False):
        return self.dense(x)


class FirstOfPair(keras.metrics.Mean):
    """A metric of the embeddings that the step passes on."""

    def update_state(self, first, second, sample_weight=None):
        super().update_state(first)


def expected_step(w, weights):
    """The logs, the state and the weight after a step."""
    views = 2 * X[:, 0]
    embeddings, targets = w * views + 1, 10 * views
    difference = embeddings - targets
    logs = {
        "loss": (weights * difference**2).mean(),
        "first": embeddings.mean(),
    }
    gradient = (2 * weights * difference * views).mean()
    return logs, [embeddings.mean(), targets.mean()], w - RATE * gradient


@pytest.mark.parametrize("microbatch_size", [None, 2])
def test_is_what_the_functions_say(microbatch_size):
    model = Follower()
    model.compile(
        keras.optimizers.SGD(RATE),
        metrics=[FirstOfPair(name="first")],
        microbatch_size=microbatch_size,
    )
    model.build((None, 1))
    model.dense.kernel.assign([[FIRST]])
    weights = np.linspace(0.001, 0.002, 8).astype("float32")
    w = FIRST
    # Twice: no gradient is left over from the first step.
    for _ in range(2):
        logs, seen, w = expected_step(w, weights)
        found = model.train_on_batch(
            X, 0 * X, sample_weight=weights, return_dict=True
        )
        assert found.keys() == logs.keys()
        for name, value in logs.items():
            np.testing.assert_allclose(found[name], value, rtol=1e-5)
        np.testing.assert_allclose(
            ops.convert_to_numpy(model.seen), seen, rtol=1e-5
        )
        kernel = ops.convert_to_numpy(model.dense.kernel)
        np.testing.assert_allclose(kernel, [[w]], rtol=1e-5)
    found = model.test_on_batch(
        X, 0 * X, sample_weight=weights, return_dict=True
    )
    loss = (weights * (w * X[:, 0] - 3 * X[:, 0]) ** 2).mean() + 100
    np.testing.assert_allclose(found["loss"], loss, rtol=1e-5)
    np.testing.assert_allclose(found["first"], w * X.mean(), rtol=1e-5)
    # An evaluation changes neither.
    np.testing.assert_allclose(
        ops.convert_to_numpy(model.seen), seen, rtol=1e-5
    )
