"""Every argument of a public class refuses values of a wrong type.

A `ValueError` names the argument; or the value is accepted, as `True` is for
the number 1 in places.
"""

import inspect
import re

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests import test_conformity as conformity
from tests.encoders.test_functional_encoder import ENCODERS

pytestmark = pytest.mark.one_backend

SIZE = 8
WRONG = [
    *("text", "", b"bytes", [], {}, set(), (1,), (1, 2, 3), [1, [2]]),
    *(-1, 0, 1.5, -0.5, float("nan"), float("inf"), True, None),
    *(object(), np.zeros((2, 2)), np.float32(0.5), np.int64(3), int),
]
# Checked by Keras.
OTHERS = {"dtype", "name", "reduction", "trainable"}
NO_FLAGS = "False", "", 0, 1, 2.0, [], np.zeros(2)


def encoder():
    return keras.Sequential(
        [keras.Input((SIZE, SIZE, 3)), keras.layers.Flatten()]
    )


def texts():
    return kc.models.TextTransformer(9, 1, 4, 8, num_layers=1, num_heads=2)


def heads(*names):
    return {name: kc.layers.ProjectionHead(4, 4) for name in names}


def models():
    images = {
        "encoder": encoder(),
        **heads("projector"),
        "augmenter": kc.layers.RandomFlip(),
        "probe": keras.layers.Dense(2),
        "num_classes": None,
    }
    pairs = {
        "image_encoder": encoder(),
        "text_encoder": texts(),
        "projection_dim": 4,
        "augmenter": kc.layers.RandomFlip(),
        "logit_scale": None,
        "tokenizer": None,
    }
    teacher = {"momentum": 0.9, "total_steps": None}
    prototypes = {"num_prototypes": 8, "frozen_steps": 0}
    queue = {"queue_size": 16}
    return {
        "SimCLRModel": images,
        "SimSiamModel": {**images, **heads("predictor")},
        "BYOLModel": {**images, **heads("predictor"), **teacher},
        "MoCoModel": {**images, "predictor": None, **queue, **teacher},
        "NNCLRModel": {**images, **heads("predictor"), **queue},
        "DINOModel": {**images, **prototypes, **teacher, "center_momentum": 0},
        "SwAVModel": {**images, **prototypes, **queue, "queue_start": 0},
        "DistillationModel": {
            **images,
            "teacher": encoder(),
            "teacher_dim": None,
        },
        "CLIPModel": pairs,
        "SLIPModel": {
            **pairs,
            **heads("projector"),
            "view_augmenter": kc.layers.RandomFlip(),
            "image_loss": None,
            "image_loss_weight": 1.0,
        },
    }


def classes():
    """Names to classes and arguments that they take."""
    layers = {name: case[0] for name, case in conformity.LAYERS.items()}
    tables = [
        (kc.layers, layers),
        (kc.losses, conformity.LOSSES),
        (kc.metrics, conformity.METRICS),
        (kc.optimizers, conformity.OPTIMIZERS),
        (kc.models, ENCODERS),
        (kc.models, models()),
    ]
    return {
        name: (getattr(module, name), arguments)
        for module, table in tables
        for name, arguments in table.items()
    }


@pytest.mark.parametrize("name", classes())
def test_errors_name_the_argument(name):
    make, arguments = classes()[name]
    make(**arguments)
    for argument in set(arguments) - OTHERS:
        for value in WRONG:
            try:
                make(**{**arguments, argument: value})
            except ValueError as error:
                # The argument that does not fit to it, in a few cases.
                named = re.findall(r"`(\w+)", str(error))
                assert set(named) & set(arguments), (argument, value)


def flags():
    """Names of classes and of their arguments that are true or false."""
    return [
        (name, parameter.name)
        for name, (make, _) in classes().items()
        for parameter in inspect.signature(make).parameters.values()
        if str(parameter.annotation).startswith(("<class 'bool'>", "bool"))
    ]


@pytest.mark.parametrize("name, flag", flags())
def test_flags_are_true_or_false(name, flag):
    make, arguments = classes()[name]
    for value in NO_FLAGS:
        with pytest.raises(ValueError, match=f"`{flag}` must be True or False"):
            make(**{**arguments, flag: value})


@pytest.mark.parametrize("name", ENCODERS)
def test_encoders_take_integers_of_numpy(name):
    arguments = {
        argument: np.int64(value) if type(value) is int else value
        for argument, value in ENCODERS[name].items()
    }
    encoder = getattr(kc.models, name)(**arguments)
    copy = type(encoder).from_config(encoder.get_config())
    assert copy.count_params() == encoder.count_params()
    encoder.to_json()  # no integers of NumPy in the config


def images(**flags):
    return kc.datasets.ImageDataset(["a.png"], 1, SIZE, **flags)


def pairs(**flags):
    record = {"image": "a.png", "captions": "a"}
    return kc.datasets.ImageTextDataset([record], texts, 1, SIZE, **flags)


CALLS = {
    "model": [
        lambda: kc.fine_tuning.unfreeze("encoder"),
        lambda: kc.fine_tuning.enable_lora("encoder"),
        lambda: kc.fine_tuning.merge_lora(None),
        lambda: kc.fine_tuning.interpolate_weights(None, [], []),
        lambda: kc.models.export_onnx(keras.Sequential(), "unbuilt.onnx"),
        lambda: kc.evaluation.extract_features(None, np.zeros((2, 3))),
    ],
    "teacher": [
        lambda: kc.DistillationModel(
            encoder(), teacher="a path", teacher_dim=4, **heads("projector")
        )
    ],
    "encoder": [lambda: kc.fine_tuning.blocks([encoder()])],
    "augmenter": [
        lambda: kc.fine_tuning.linear_classifier(
            encoder(), np.zeros((2, SIZE, SIZE, 3)), [0, 1], augmenter="flip"
        )
    ],
    "preprocessing": [
        lambda: kc.models.pooled(encoder(), preprocessing="imagenet")
    ],
    "strength": [
        lambda: kc.layers.simclr_augmentation("cifar10", 8, 8, strength="1"),
        lambda: kc.layers.byol_augmentation("cifar10", 8, 8, strength=[1]),
    ],
    "local_height": [
        lambda: kc.layers.dino_augmentation("cifar10", 8, 8, local_height="4")
    ],
    "num_local": [
        lambda: kc.layers.swav_augmentation("cifar10", 8, 8, num_local="6")
    ],
    "arrays": [lambda: kc.datasets.image_folder(".", arrays="False")],
    "cache": [lambda: images(cache="no"), lambda: pairs(cache=1)],
    "download": [lambda: kc.datasets.cifar10(download="no")],
    "drop_remainder": [
        lambda: images(drop_remainder=None),
        lambda: pairs(drop_remainder="no"),
    ],
    "every_step": [lambda: kc.callbacks.TrainingHealth(every_step="no")],
    "fix_text": [lambda: kc.text.clip_tokenizer("merges.txt", fix_text="no")],
    "interactive": [
        lambda: kc.visualization.report(
            encoder(), np.zeros((2, SIZE, SIZE, 3)), "r", interactive="no"
        )
    ],
    "mmap": [lambda: kc.index.EmbeddingIndex.load("index", mmap="no")],
    "resume": [lambda: kc.callbacks.Checkpoint("run", resume="False")],
    "shuffle": [lambda: images(shuffle="False"), lambda: pairs(shuffle=0)],
    "titles": [
        lambda: kc.visualization.plot_examples(
            np.zeros((2, SIZE, SIZE, 3)), titles=3
        )
    ],
    "verify": [lambda: kc.index.EmbeddingIndex.load("index", verify=1)],
}


@pytest.mark.parametrize(
    "argument, call",
    [(name, call) for name, calls in CALLS.items() for call in calls],
)
def test_functions(argument, call):
    with pytest.raises(ValueError, match=f"`{argument}`"):
        call()


@pytest.mark.parametrize("model", ["SimCLRModel", "CLIPModel"])
def test_the_part_of_a_model_to_export(model):
    model = getattr(kc.models, model)(**models()[model])
    with pytest.raises(ValueError, match="cannot be exported as a whole"):
        kc.models.export_onnx(model, "whole.onnx")
