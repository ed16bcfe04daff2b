"""A file written on one backend loads, and predicts the same, on another."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.models.helpers import dual
from tests.models.helpers import images_and_labels
from tests.models.helpers import simclr
from tests.models.helpers import three_kinds

ROOT = Path(__file__).parents[2]
LOAD = """
import sys
import keras
import numpy as np
import keras_contrastive
from tests.models.helpers import images_and_labels

images, labels = images_and_labels()
model = keras.models.load_model(sys.argv[1])
assert int(model.optimizer.iterations) == 2
assert model.get_compile_config()["jit_compile"] == "auto"
states = [layer.generator.state for layer in model.multi_view.augmenter.layers]
np.savez(
    sys.argv[2],
    h=model.predict(images, verbose=0),
    states=np.stack([keras.ops.convert_to_numpy(s) for s in states]),
    loss=model.fit(images, labels, verbose=0).history["loss"],
)
"""
LOAD_THREE_TOWERS = """
import sys
import keras
import numpy as np
import keras_contrastive
from tests.models.helpers import three_kinds

model = keras.models.load_model(sys.argv[1])
assert int(model.optimizer.iterations) == 2
np.savez(sys.argv[2], **model.predict(three_kinds(), verbose=0))
assert np.isfinite(model.fit(three_kinds(), verbose=0).history["loss"]).all()
"""


# Each backend writes for one other; `make test-slow` has all pairs.
NEXT = {"tensorflow": "jax", "jax": "torch", "torch": "tensorflow"}


every_reader = pytest.mark.parametrize(
    "reader",
    [
        pytest.param(
            reader,
            marks=[pytest.mark.slow]
            * (reader != NEXT[keras.backend.backend()]),
        )
        for reader in NEXT
    ],
)


def read(reader, code, *arguments):
    """Runs `code` on another backend."""
    if reader == keras.backend.backend():
        pytest.skip("this backend: the tests of the models")
    pytest.importorskip(reader)
    result = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": reader},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr


@every_reader
def test_files_load_on_the_other_backends(tmp_path, reader):
    images, labels = images_and_labels()
    model = simclr(num_classes=4)
    model.fit(images, labels, batch_size=8, verbose=0)
    model.save(tmp_path / "model.keras")
    read(reader, LOAD, tmp_path / "model.keras", tmp_path / "out.npz")
    out = np.load(tmp_path / "out.npz")
    np.testing.assert_allclose(
        out["h"], model.predict(images, verbose=0), rtol=1e-3, atol=1e-5
    )
    for layer, state in zip(
        model.multi_view.augmenter.layers, out["states"], strict=True
    ):
        expected = keras.ops.convert_to_numpy(layer.generator.state)
        np.testing.assert_array_equal(
            expected.astype("int64"), state.astype("int64")
        )
    assert np.isfinite(out["loss"]).all()


@pytest.mark.one_backend
@every_reader
def test_files_of_three_towers(tmp_path, reader):
    model, x = dual(), three_kinds()
    model.fit(x, batch_size=8, verbose=0)
    model.save(tmp_path / "model.keras")
    read(
        reader,
        LOAD_THREE_TOWERS,
        tmp_path / "model.keras",
        tmp_path / "out.npz",
    )
    out = np.load(tmp_path / "out.npz")
    for name, expected in model.predict(x, verbose=0).items():
        np.testing.assert_allclose(out[name], expected, rtol=1e-3, atol=1e-5)
