import numpy as np
import pytest

from keras_contrastive.datasets import solids
from keras_contrastive.datasets.procedural.solids import SOLIDS

pytestmark = pytest.mark.one_backend


def test_shapes_and_classes():
    data = solids(60, size=8)
    assert data.volumes.shape == (60, 8, 8, 8, 1)
    assert data.volumes.dtype == "float32" and data.labels.dtype == "int64"
    assert set(data.labels) == set(range(len(data.class_names)))
    assert np.isfinite(data.volumes).all()


def test_seeds():
    first, again, other = (solids(4, size=8, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.volumes, again.volumes)
    np.testing.assert_array_equal(first.labels, again.labels)
    assert not np.allclose(first.volumes, other.volumes)


def test_a_shell_and_a_ring_are_hollow_and_a_pair_has_two_halves():
    distance = {solid.__name__: solid for solid in SOLIDS}
    inside = {
        name: {at for at in (0.0, 0.8) if solid(0.0, at, 0.0) < 0}
        for name, solid in distance.items()
    }
    assert inside["ball"] == {0.0, 0.8}
    assert inside["shell"] == inside["ring"] == {0.8}
    assert distance["pair"](0.0, 0.0, 0.0) > 0 > distance["pair"](0.0, 0.0, 0.7)
    assert distance["rod"](0.0, 0.0, 1.0) < 0 < distance["rod"](0.0, 1.0, 0.0)
    assert distance["box"](0.6, 0.6, 0.6) < 0 < distance["ball"](0.6, 0.6, 0.6)


@pytest.mark.parametrize(
    "arguments, name",
    [
        ({"num_examples": 0}, "num_examples"),
        ({"size": 4}, "size"),
        ({"seed": -1}, "seed"),
    ],
)
def test_bad_arguments(arguments, name):
    with pytest.raises(ValueError, match=f"`{name}`.*Received"):
        solids(**arguments)
