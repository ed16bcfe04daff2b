"""Some of the backbones of `benchmarks/compatibility.py`, which runs all."""

import pytest

from tests.backbones import images
from tests.backbones import steps
from tests.backbones import texts
from tests.encoders.marks import slow_on_jax


@pytest.mark.one_case
@pytest.mark.parametrize(
    "package, family",
    [
        ("keras-hub", "ViT"),
        pytest.param("keras-hub", "ResNet", marks=slow_on_jax),
        pytest.param("keras-hub", "DINOv2", marks=slow_on_jax),
        pytest.param("keras-hub", "SigLIP", marks=slow_on_jax),
        pytest.param("keras-cv", "ResNet", marks=slow_on_jax),
    ],
)
def test_image_backbone(package, family):
    pytest.importorskip(package.replace("-", "_"))
    make = images.PACKAGES[package]()[family]
    assert tuple(steps.image_steps(make)) == steps.STEPS


@pytest.mark.one_case
@slow_on_jax
@pytest.mark.parametrize(
    "package, family",
    [
        ("keras_nlp", "DistilBERT"),
        ("keras_hub", "BERT"),
        ("keras_hub", "CLIP"),
        ("keras_hub", "SigLIP"),
    ],
)
def test_text_backbone(package, family):
    case = texts.families(pytest.importorskip(package))[family]
    assert tuple(steps.text_steps(*case)) == steps.STEPS


def test_keras_nlp_is_keras_hub():
    hub = pytest.importorskip("keras_hub").models
    nlp = pytest.importorskip("keras_nlp").models
    names = [name for name in dir(hub) if name.endswith("Backbone")]
    assert len(names) > 20
    assert all(getattr(nlp, name) is getattr(hub, name) for name in names)
