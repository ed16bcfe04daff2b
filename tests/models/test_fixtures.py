"""Files of every version load, and train to the same on every backend."""

import keras
import numpy as np
import pytest

from tests.fixtures.make import FOLDER
from tests.fixtures.make import trained

FILES = sorted(FOLDER.glob("*.keras"))


def test_there_are_files():
    assert {path.name.partition("-")[0] for path in FILES} == {"simclr", "clip"}
    assert all(path.stat().st_size < 100_000 for path in FILES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_loss_gradients_and_weights_are_those_of_the_version(path):
    """Float32 sums in another order: 1e-4 of each array's largest number."""
    model = keras.models.load_model(path)
    assert int(model.optimizer.iterations) == 1
    momentums = model.optimizer.momentums
    assert all(np.any(keras.ops.convert_to_numpy(m)) for m in momentums[:1])
    for momentum in momentums:
        momentum.assign(np.zeros(momentum.shape, "float32"))
    expected = np.load(path.with_suffix(".npz"))
    found = trained(model)
    assert found.keys() == set(expected.files)
    for name, array in found.items():
        size = max(np.abs(expected[name]).max(), 1e-2)
        np.testing.assert_allclose(
            array, expected[name], rtol=0, atol=1e-4 * size, err_msg=name
        )
    assert expected["losses"][-1] < expected["losses"][0]
