import keras
import numpy as np
import pytest

import keras_contrastive as kc

to_numpy = keras.ops.convert_to_numpy

# The arguments, and which of the layers a BatchNorm follows.
HEADS = [
    ({}, [True, False]),
    ({"num_layers": 1}, [False]),
    ({"num_layers": 3}, [True, True, True]),
    ({"num_layers": 3, "use_batch_norm": False}, [False] * 3),
    ({"output_batch_norm": True}, [True, True]),
    ({"num_layers": 3, "output_batch_norm": False}, [True, True, False]),
]


def batch_norm(x, weights, with_offset):
    x = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5)
    x = x * weights.pop(0)
    return x + weights.pop(0) if with_offset else x


@pytest.mark.one_backend
@pytest.mark.parametrize("arguments, norms", HEADS)
def test_is_the_mlp(arguments, norms, rng):
    x = rng.normal(size=(6, 5))
    head = kc.layers.ProjectionHead(4, 3, **arguments)
    head.build((None, 5))
    for variable in head.trainable_variables:
        variable.assign(rng.normal(size=variable.shape))
    outputs = to_numpy(head(x, training=True))
    weights = [to_numpy(v) for v in head.trainable_variables]
    for number, has_norm in enumerate(norms, start=1):
        is_last = number == len(norms)
        x = x @ weights.pop(0)
        if has_norm:
            x = batch_norm(x, weights, with_offset=not is_last)
        else:
            x = x + weights.pop(0)
        x = x if is_last else np.maximum(x, 0)
    assert not weights
    np.testing.assert_allclose(outputs, x, rtol=1e-4, atol=1e-5)


@pytest.mark.one_backend
def test_config_and_sizes():
    arguments = {
        "hidden_dim": 4,
        "output_dim": 3,
        "num_layers": 3,
        "use_batch_norm": False,
        "output_batch_norm": True,
    }
    head = kc.layers.ProjectionHead(**arguments, dtype="mixed_bfloat16")
    copy = kc.layers.ProjectionHead.from_config(head.get_config())
    assert arguments.items() <= copy.get_config().items()
    outputs = copy(np.ones((2, 5)))
    assert keras.backend.standardize_dtype(outputs.dtype) == "bfloat16"
    assert len(copy.weights) == 3 * 2 - 1 + 3
    linear = kc.layers.ProjectionHead(4, 3, 1, dtype="mixed_bfloat16")
    outputs = linear(np.ones((2, 5)))
    assert keras.backend.standardize_dtype(outputs.dtype) == "bfloat16"
    assert kc.layers.ProjectionHead(4).output_dim == 128
    assert kc.layers.ProjectionHead(4)(keras.KerasTensor((2, 5))).shape == (
        2,
        128,
    )


@pytest.mark.one_backend
def test_says_what_is_wrong():
    for wrong in ({"hidden_dim": 0}, {"output_dim": 0}, {"num_layers": 0}):
        with pytest.raises(ValueError, match=f"`{next(iter(wrong))}` must be"):
            kc.layers.ProjectionHead(**{"hidden_dim": 4, **wrong})
    with pytest.raises(ValueError, match="of a ProjectionHead must be"):
        kc.layers.ProjectionHead(4)(np.ones((2, 3, 3, 5)))
