"""What the steps of PyTorch alone do: replicas, and PyTorch's random state."""

import keras
import numpy as np
import pytest

from tests.trainer.test_steps import Follower
from tests.trainer.test_steps import X

torch = pytest.importorskip("torch")
if keras.backend.backend() != "torch":
    pytest.skip("needs PyTorch", allow_module_level=True)

steps = pytest.importorskip("keras_contrastive.trainer.torch")
ONES = np.ones(8, "float32")


class Noisy(Follower):
    """Draws from PyTorch's random state, and notes each draw."""

    def embed(self, views, training):
        self.drawn.append(torch.rand(()).item())
        return super().embed(views, training)


def compiled(model, microbatch_size=4):
    model.compile(keras.optimizers.SGD(0.0), microbatch_size=microbatch_size)
    model.build((None, 1))
    model.drawn = []
    return model


def test_the_second_pass_draws_the_same():
    model = compiled(Noisy())
    model.train_on_batch(X, 0 * X, sample_weight=ONES)
    first, second = np.split(np.array(model.drawn), 2)
    np.testing.assert_array_equal(first, second)
    assert len(set(first)) == 2
    # Two numbers were drawn in all.
    after = torch.rand(()).item()
    keras.utils.set_random_seed(0)
    assert [torch.rand(()).item() for _ in range(3)] == [*first, after]


def test_restores_the_state_of_gpus(monkeypatch):
    restored = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_rng_state_all", lambda: ["state"])
    monkeypatch.setattr(torch.cuda, "set_rng_state_all", restored.append)
    compiled(Follower()).train_on_batch(X, 0 * X, sample_weight=ONES)
    assert restored == [["state"], ["state"]]


@pytest.mark.parametrize("microbatch_size", [None, 4])
def test_gradients_are_averaged_and_shards_checked(
    monkeypatch, microbatch_size
):
    checked, averaged = [], []
    monkeypatch.setattr(steps, "check_shards", checked.append)
    monkeypatch.setattr(steps, "average_over_replicas", averaged.extend)
    model = compiled(Follower(), microbatch_size)
    model.train_on_batch(X, 0 * X, sample_weight=ONES)
    model.test_on_batch(X, 0 * X, sample_weight=ONES)
    assert [len(x) for x in checked] == [8, 8]
    (gradient,) = averaged
    assert gradient is model.dense.kernel.value.grad
