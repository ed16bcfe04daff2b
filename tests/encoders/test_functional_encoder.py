import json

import keras
import pytest

import keras_contrastive as kc
from keras_contrastive.trainer.keras_internals import all_layers

TRANSFORMER = {
    "width": 8,
    "num_layers": 1,
    "num_heads": 2,
    "mlp_ratio": 2.0,
    "activation": "quick_gelu",
    "layer_norm_epsilon": 1e-6,
    "dropout": 0.1,
}
# No argument but `name` at its default.
ENCODERS = {
    "ConvNet": {"width": 4, "num_stages": 1, "input_shape": (8, None, 3)},
    "ConvNet3D": {
        "width": 2,
        "num_stages": 1,
        "input_shape": (4, 8, None, 2),
    },
    "ConvNeXt": {
        "stack_sizes": (1, 1, 1, 1),
        "widths": (4, 4, 4, 4),
        "layer_norm_epsilon": 1e-5,
        "input_shape": (32, None, 1),
        "mean": (0.4,),
        "std": (0.3,),
        "hidden_dim": 3,
        "output_dim": 2,
    },
    "CLIPResNet": {
        "stack_sizes": (1, 1, 1, 1),
        "output_dim": 3,
        "width": 4,
        "num_heads": 4,
        "input_shape": (32, 64, 1),
        "mean": (0.4,),
        "std": (0.3,),
    },
    "BagOfWords": {"vocabulary_size": 10, "width": 4, "dropout": 0.1},
    "ResNet": {
        "block_type": "basic",
        "stack_sizes": (1, 1, 1, 1),
        "stem": "cifar",
        "width": 4,
        "input_shape": (16, 16, 1),
        "zero_init_residual": True,
    },
    "VisionTransformer": {
        **TRANSFORMER,
        "patch_size": 4,
        "input_shape": (8, 8, 1),
        "mean": (0.4,),
        "std": (0.3,),
        "pooling": "mean",
        "patch_dropout": 0.5,
        "class_token": True,
        "patch_bias": True,
        "initial_norm": False,
        "norm_after_pooling": True,
        "output_dim": 5,
        "whole_patches": False,
        "position_grid": None,
    },
    "TextTransformer": {
        **TRANSFORMER,
        "vocabulary_size": 10,
        "end_id": None,
        "context_length": 6,
        "causal": False,
        "pooling": "last",
        "output_dim": 5,
    },
}


@pytest.mark.one_backend
@pytest.mark.parametrize("name", ENCODERS)
def test_config_is_the_arguments(name):
    arguments = {**ENCODERS[name], "name": "encoder"}
    encoder = getattr(kc.models, name)(**arguments, dtype="mixed_bfloat16")
    encoder.trainable = False
    config = encoder.get_config()
    assert {key: config[key] for key in arguments} == arguments
    assert set(config) == {*arguments, "trainable", "dtype"}

    # As a file holds it: tuples have become lists.
    again = type(encoder).from_config(json.loads(json.dumps(config)))
    assert again.get_config() == config
    assert not again.trainable
    assert [w.path for w in again.weights] == [w.path for w in encoder.weights]


@pytest.mark.one_backend
@pytest.mark.parametrize("name", ["ResNet", "VisionTransformer"])
def test_config_tells_what_is_frozen(name):
    encoder = getattr(kc.models, name)(**ENCODERS[name])
    kc.fine_tuning.freeze_blocks(encoder, 1)
    trained = [w.path for w in encoder.trainable_weights]
    assert 0 < len(trained) < len(encoder.weights)
    again = type(encoder).from_config(
        json.loads(json.dumps(encoder.get_config()))
    )
    assert [w.path for w in again.trainable_weights] == trained
    for before, after in zip(
        all_layers(encoder), all_layers(again), strict=True
    ):
        assert before.trainable == after.trainable, before.name


@pytest.mark.one_backend
def test_frozen_blocks_in_a_classifier(tmp_path):
    encoder = kc.models.VisionTransformer(**ENCODERS["VisionTransformer"])
    kc.fine_tuning.freeze_blocks(encoder, 2)
    head = keras.layers.Dense(2)
    model = keras.Sequential([keras.Input((8, 8, 1)), encoder, head])
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert [w.shape for w in again.trainable_weights] == [
        w.shape for w in model.trainable_weights
    ]
