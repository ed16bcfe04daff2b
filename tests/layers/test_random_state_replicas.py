"""Replicas draw different numbers, and the same ones again on a rerun."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import keras
import pytest

ROOT = Path(__file__).parents[2]

TENSORFLOW = """
    import json
    import keras
    import tensorflow as tf
    from keras_contrastive.layers.random_state import RandomState

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 2
    )
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        states = [RandomState(7), RandomState(7)]

    @tf.function
    def step(state):
        draws = strategy.run(lambda: keras.random.uniform((3,), seed=state))
        return strategy.experimental_local_results(draws)

    print(json.dumps([
        [[r.numpy().tolist() for r in step(s)] for _ in range(2)]
        for s in states
    ]))
"""


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow",
    reason="one process a replica on PyTorch, one program for all on JAX; "
    "test_random_state.py covers the index",
)
def test_mirrored_replicas_draw_different_numbers():
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(TENSORFLOW)],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    first, rerun = json.loads(result.stdout.splitlines()[-1])
    assert first == rerun
    draws = [draw for step in first for draw in step]
    assert len({tuple(draw) for draw in draws}) == 4
