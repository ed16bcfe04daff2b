"""`distribution/torch.py` between threads, whose values are added here."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from tests.replicas import Replicas

if keras.backend.backend() != "torch":
    pytest.skip("of the PyTorch backend", allow_module_level=True)

import torch

from keras_contrastive import distribution
from keras_contrastive.distribution import torch as of_torch
from keras_contrastive.distribution.together import together

REPLICAS = 3


class Collectives:
    """The functions of `torch.distributed` that the package calls."""

    def __init__(self, replicas):
        self.replicas = replicas

    def is_available(self):
        return True

    def is_initialized(self):
        return True

    def get_world_size(self):
        return self.replicas.count

    def get_rank(self):
        return self.replicas.rank

    def _all(self, x):
        assert x.is_contiguous()
        return self.replicas.exchange(x.detach().clone())

    def all_gather(self, parts, x):
        for part, value in zip(parts, self._all(x), strict=True):
            part.copy_(value)

    def all_reduce(self, x):
        x.copy_(sum(self._all(x)))

    def broadcast(self, x, src):
        x.copy_(self._all(x)[src])

    def all_gather_object(self, values, value):
        values[:] = self.replicas.exchange(value)

    def reduce_scatter_tensor(self, own, x):
        own.copy_(sum(self._all(x)).chunk(self.replicas.count)[self.get_rank()])


@pytest.fixture
def replicas(monkeypatch):
    replicas = Replicas(REPLICAS)
    monkeypatch.setattr(of_torch, "dist", Collectives(replicas))
    return replicas


def rows(rank, shape=(2, 4)):
    """Numbers of one replica, not contiguous in memory."""
    values = np.random.default_rng(rank).normal(size=shape[::-1])
    return torch.tensor(np.transpose(values.astype("float32")))


def test_ranks(replicas):
    assert replicas.run(lambda rank: distribution.num_replicas()) == [3, 3, 3]
    assert replicas.run(lambda rank: distribution.replica_index()) == [0, 1, 2]
    first = replicas.run(lambda rank: distribution.is_first_process())
    assert first == [True, False, False]


@pytest.mark.parametrize(
    "of_all, on_one_device",
    [
        (distribution.all_gather, torch.cat),
        (distribution.mean_over_replicas, lambda parts: sum(parts) / REPLICAS),
    ],
)
def test_value_and_gradient(of_all, on_one_device, replicas):
    """Each replica weighs what it gets in its own way; their sum is one."""

    def weighted(rank, x):
        weights = torch.arange(1.0, 1 + len(x))[:, None] ** (rank + 1)
        return (weights * x.square()).sum()

    inputs = [rows(rank).requires_grad_() for rank in range(REPLICAS)]

    def of_replica(rank):
        x = inputs[rank].detach().requires_grad_()
        result = of_all(x)
        weighted(rank, result).backward()
        return result.detach().numpy(), x.grad.numpy()

    expected = on_one_device(inputs)
    sum(weighted(rank, expected) for rank in range(REPLICAS)).backward()
    for x, (value, gradient) in zip(
        inputs, replicas.run(of_replica), strict=True
    ):
        np.testing.assert_allclose(value, expected.detach(), rtol=1e-6)
        np.testing.assert_allclose(gradient, x.grad, rtol=1e-5)


@pytest.mark.parametrize(
    "of_all", [distribution.all_gather, distribution.mean_over_replicas]
)
def test_symbolic_tensors_are_left_alone(of_all, replicas):
    x = torch.empty(2, 3, device="meta")
    assert all(y is x for y in replicas.run(lambda rank: of_all(x)))


def test_average_over_replicas(replicas):
    """Of several shapes and dtypes; `None` where there is no gradient."""
    kinds = [
        ((2, 3), torch.float32),
        ((), torch.float32),
        ((4,), torch.float64),
        ((3, 1), torch.float16),
    ]

    def tensors(rank):
        return [rows(rank, shape).to(dtype) for shape, dtype in kinds]

    def averaged(rank):
        own = tensors(rank)
        of_torch.average_over_replicas([own[0], None, *own[1:]])
        return own

    expected = [
        sum(own).double() / REPLICAS
        for own in zip(*map(tensors, range(REPLICAS)), strict=True)
    ]
    for own in replicas.run(averaged):
        for tensor, mean in zip(own, expected, strict=True):
            close = 1e-2 if tensor.dtype == torch.float16 else 1e-6
            np.testing.assert_allclose(tensor.double(), mean, rtol=close)


def test_sums_over_replicas(replicas):
    """Metrics read sums inside, and have their own values again outside."""

    def of_replica(rank):
        variable = keras.Variable(np.full((2,), rank + 1.0))
        with distribution.sums_over_replicas([variable]):
            inside = keras.ops.convert_to_numpy(variable.value)
        return inside.tolist(), keras.ops.convert_to_numpy(variable).tolist()

    for rank, result in enumerate(replicas.run(of_replica)):
        assert result == ([6.0, 6.0], [rank + 1.0, rank + 1.0])


def test_symbolic_metrics_are_left_alone(replicas):
    symbolic = SimpleNamespace(value=torch.empty(2, device="meta"))

    def of_replica(rank):
        with distribution.sums_over_replicas([symbolic]):
            return True

    assert replicas.run(of_replica) == [True] * REPLICAS


@pytest.mark.parametrize("seed", [100_000, 2**64 - 1])
def test_start_together(seed, replicas, monkeypatch):
    """The first one's values and seed; other random numbers in each."""
    monkeypatch.setattr(of_torch, "_seeded", False)
    monkeypatch.setattr(torch, "initial_seed", lambda: seed - replicas.rank)
    seeds = {}
    monkeypatch.setattr(
        torch, "manual_seed", lambda seed: seeds.update({replicas.rank: seed})
    )

    def of_replica(rank):
        variables = [keras.Variable(np.full(s, rank + 1.0)) for s in (2, 3)]
        distribution.start_together(variables)
        return [keras.ops.convert_to_numpy(v).tolist() for v in variables]

    for values in replicas.run(of_replica):
        assert values == [[1.0, 1.0], [1.0, 1.0, 1.0]]
    assert seeds == {rank: seed % 2**62 + rank for rank in range(REPLICAS)}


def test_the_failure_of_one_process_is_raised_in_all(replicas):
    class Odd(Exception):
        """One that pickle cannot read again."""

        def __init__(self, a, b):
            super().__init__(f"{a} and {b}")

    for error in (ValueError("bad"), Odd(1, 2), None):

        def of_replica(rank, error=error):
            def fails():
                if rank == 1 and error is not None:
                    raise error
                return rank

            try:
                return together(fails)
            except Exception as raised:
                return raised

        results = replicas.run(of_replica)
        if error is None:
            assert results == [0, 1, 2]
            continue
        assert results[1] is error
        for result in (results[0], results[2]):
            assert str(error) in str(result)
            assert "process 1 of 3" in result.__notes__[0]


@pytest.mark.parametrize(
    "sizes, seeds, message",
    [
        ([2, 2, 2], [0, 1, 2], None),
        # Two that are equal by chance, such as blank images, are no mistake.
        ([2, 2, 2], [0, 1, 1], None),
        ([2, 2, 2], [1, 1, 1], "the same batch in all 3 processes"),
        ([2, 2, 1], [0, 1, 2], r"\[2, 2, 1\] examples"),
    ],
)
def test_shards(sizes, seeds, message, replicas):
    def of_replica(rank):
        x = rows(seeds[rank], (sizes[rank], 4))
        batch = {"images": x, "labels": torch.arange(sizes[rank])}
        if message is None:
            of_torch.check_shards(batch)
        else:
            with pytest.raises(ValueError, match=message):
                of_torch.check_shards(batch)

    replicas.run(of_replica)


@pytest.mark.parametrize("dtype, most", [("float32", 1e8), ("float16", 6e4)])
def test_shards_that_hardly_differ(dtype, most, replicas):
    """Their sums are not told apart, or not even finite, in their type."""

    def of_replica(rank):
        x = torch.tensor([most, most, rank], dtype=getattr(torch, dtype))
        of_torch.check_shards(x)

    replicas.run(of_replica)


def test_one_process_is_left_alone():
    x = torch.ones(2)
    of_torch.average_over_replicas([x])
    of_torch.check_shards([x])
    with distribution.sums_over_replicas([keras.Variable(1.0)]):
        pass
    assert distribution.all_gather(x) is x
    assert distribution.mean_over_replicas(x) is x
    assert distribution.num_replicas() == 1
    assert distribution.is_first_process()
    assert distribution.batch_divisor() == 1
    assert distribution.unscale_loss(x) is x
