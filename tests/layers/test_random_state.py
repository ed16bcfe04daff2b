import keras
import numpy as np
import pytest

from keras_contrastive import distribution
from keras_contrastive.layers.random_state import RandomState
from tests.layers.image_augmentation.helpers import to_numpy


def draws(state, count=3):
    return [
        to_numpy(keras.random.uniform((4,), seed=state)) for _ in range(count)
    ]


def test_is_keras_generator_on_one_device():
    np.testing.assert_array_equal(
        draws(RandomState(7)), draws(keras.random.SeedGenerator(7))
    )


def test_follows_what_is_assigned():
    state, other = RandomState(7), keras.random.SeedGenerator(7)
    for generator in (state, other):
        draws(generator)
        generator.state.assign([9, 5])
    np.testing.assert_array_equal(draws(state), draws(other))
    np.testing.assert_array_equal(state.state_to_numpy(), to_numpy(other.state))


def test_replicas_draw_different_streams(monkeypatch):
    streams = []
    for index in range(4):
        monkeypatch.setattr(distribution, "replica_index", lambda i=index: i)
        state = RandomState(7)
        streams.extend(draws(state))
        assert state.state_to_numpy().tolist() == [7, 3]
    assert len(np.unique(np.round(streams, 6), axis=0)) == len(streams)


def test_replica_index_may_be_a_tensor(monkeypatch):
    monkeypatch.setattr(distribution, "replica_index", lambda: 2)
    expected = draws(RandomState(7))
    index = keras.ops.convert_to_tensor(2, dtype="int32")
    monkeypatch.setattr(distribution, "replica_index", lambda: index)
    np.testing.assert_array_equal(draws(RandomState(7)), expected)


@pytest.mark.parametrize("seed", [0, 7, 2**31 - 1])
@pytest.mark.parametrize("index", [1, 1000])
def test_any_seed_and_replica(monkeypatch, seed, index):
    monkeypatch.setattr(distribution, "replica_index", lambda: index)
    values = draws(RandomState(seed), count=1)[0]
    assert ((values >= 0) & (values < 1)).all()


def test_state_round_trip():
    state, other = RandomState(7), RandomState(9)
    draws(state)
    stored = state.state_to_numpy()
    assert stored.dtype == "int64" and stored.tolist() == [7, 3]
    other.state_from_numpy(stored)
    np.testing.assert_array_equal(draws(state), draws(other))


def test_state_of_another_backend():
    # The same 32 bits, as a signed and as an unsigned integer.
    one, other = RandomState(7), RandomState(7)
    one.state_from_numpy(np.array([-5, 1]))
    other.state_from_numpy(np.array([2**32 - 5, 1]))
    if keras.backend.backend() != "tensorflow":  # It holds int64.
        np.testing.assert_array_equal(draws(one), draws(other))


class Drawn:
    """A data set of draws, as an augmenter in `__getitem__` makes them."""

    def __init__(self):
        self.state = RandomState(7)

    def __len__(self):
        return 8

    def __getitem__(self, index):
        return draws(self.state, count=1)[0]


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="of PyTorch")
def test_workers_of_a_data_loader_draw_differently():
    import torch

    def epochs():
        torch.manual_seed(3)
        loader = torch.utils.data.DataLoader(
            Drawn(), batch_size=1, num_workers=2
        )
        return [np.concatenate([*loader]) for _ in range(2)]

    first = epochs()
    every = np.concatenate(first)
    assert len(np.unique(every.round(6), axis=0)) == len(every)
    np.testing.assert_array_equal(first, epochs())
