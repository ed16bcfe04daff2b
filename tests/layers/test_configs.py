"""What the layers of teachers, queues and heads keep in their configs."""

import keras
import numpy as np
import pytest

import keras_contrastive as kc

LAYERS = {
    "Center": {"dim": 3, "momentum": 0.5},
    "FeatureQueue": {"size": 4, "dim": 3, "seed": 7},
    "MomentumEncoder": {"momentum": 0.5, "total_steps": 9},
    "PatchFeatures": {
        "output_dim": 2,
        "num_patches": 3,
        "patch_size": 4,
        "strides": 5,
        "grid_size": 6,
    },
    "ProjectionHead": {"hidden_dim": 4, "output_dim": 2, "num_layers": 5},
    "Prototypes": {"num_prototypes": 3},
}

pytestmark = pytest.mark.one_backend


@pytest.mark.parametrize("name", LAYERS)
def test_config(name):
    cls = getattr(kc.layers, name)
    arguments = dict(LAYERS[name], name="own", dtype="mixed_bfloat16")
    if name == "MomentumEncoder":
        arguments["source"] = keras.layers.Dense(3)
    layer = cls(**arguments)
    copy = cls.from_config(layer.get_config())
    for each in (layer, copy):
        assert (each.name, each.dtype_policy.name) == ("own", "mixed_bfloat16")
        for argument, value in LAYERS[name].items():
            assert getattr(each, argument) == value
    registered = keras.saving.get_registered_name(cls)
    assert registered == f"keras_contrastive>{name}"


@pytest.mark.parametrize(
    "name, weights",
    [
        ("Center", [("center", "float32")]),
        ("FeatureQueue", [("features", "float32")]),
        ("MomentumEncoder", [("num_updates", "int32")]),
    ],
)
def test_state(name, weights):
    cls = getattr(kc.layers, name)
    arguments = dict(LAYERS[name], dtype="float16")
    if name == "MomentumEncoder":
        arguments["source"] = keras.layers.Dense(3)
    layer = cls(**arguments)
    assert layer.built is (name != "MomentumEncoder")
    assert [(v.name, v.dtype) for v in layer.weights] == weights
    assert not layer.trainable_weights


def test_defaults_and_shapes():
    assert kc.layers.Center(3).momentum == 0.9
    assert kc.layers.MomentumEncoder(keras.layers.Dense(3)).momentum == 0.99
    features = kc.layers.PatchFeatures()
    assert (features.output_dim, features.num_patches) == (512, 320)
    assert (features.patch_size, features.strides) == (6, 2)
    assert features.grid_size == 3
    for layer, shape in (
        (kc.layers.Center(4), (2, 4)),
        (kc.layers.FeatureQueue(5, 4), (5, 4)),
        (kc.layers.Prototypes(3), (2, 3)),
        (kc.layers.ProjectionHead(6, 3), (2, 3)),
        (kc.layers.MomentumEncoder(keras.layers.Dense(3)), (2, 3)),
    ):
        assert layer(keras.KerasTensor((2, 4))).shape == shape
        assert tuple(layer(np.ones((2, 4), "float32")).shape) == shape
    for layer in (kc.layers.Prototypes(3), kc.layers.ProjectionHead(6, 3)):
        assert layer.compute_output_shape((2, 4)) == (2, 3)
