"""A file written on one backend loads, and predicts the same, on another."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.models.helpers import images_and_labels
from tests.models.helpers import simclr

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


# Each backend writes for one other; `make test-slow` has all pairs.
NEXT = {"tensorflow": "jax", "jax": "torch", "torch": "tensorflow"}


@pytest.mark.parametrize(
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
def test_files_load_on_the_other_backends(tmp_path, reader):
    if reader == keras.backend.backend():
        pytest.skip("this backend: test_simclr_model.py")
    pytest.importorskip(reader)
    images, labels = images_and_labels()
    model = simclr(num_classes=4)
    model.fit(images, labels, batch_size=8, verbose=0)
    model.save(tmp_path / "model.keras")
    arguments = [str(tmp_path / "model.keras"), str(tmp_path / "out.npz")]
    result = subprocess.run(
        [sys.executable, "-c", LOAD, *arguments],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": reader},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
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
