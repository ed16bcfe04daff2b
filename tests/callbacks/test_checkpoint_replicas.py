"""A run of several processes or replicas goes on as it was, bit for bit."""

import keras
import pytest

from tests.distribution.launch import _free_port
from tests.distribution.test_replicas import COMMON
from tests.distribution.test_replicas import MODEL
from tests.distribution.test_replicas import run

# The five runs take one to three minutes where each of them is compiled.
BACKEND = pytest.param(
    keras.backend.backend(),
    marks=[pytest.mark.slow] * (keras.backend.backend() != "torch"),
)

# Each script sets `data`, `folder`, `rank` and `scope` first.
RESUME = """
    import pathlib
    import time

    from tests.callbacks.interruption import Interrupt, Interrupted

    def train(directory, interrupt=99, resume=True):
        keras.utils.set_random_seed(0)
        with scope():
            model = make_model()
        checkpoint = kc.callbacks.Checkpoint(
            pathlib.Path(folder) / directory, every_n_steps=1, resume=resume
        )
        history = model.fit(
            data,
            batch_size=8,
            epochs=2,
            callbacks=[checkpoint, Interrupt(interrupt)],
            verbose=0,
        )
        with kc.distribution.scope_of(model):
            values = [np.array(history.history["loss"])]
            for variable in [*model.variables, *model.optimizer.variables]:
                for value in kc.distribution.local_copies(variable) or [
                    variable.value
                ]:
                    values.append(keras.ops.convert_to_numpy(value))
        return values

    # The second process looks for checkpoints after the first has some.
    if rank:
        time.sleep(3)
    whole = train("whole", resume=False)
    refuses(lambda: train("whole", resume=False), "must hold no checkpoints")
    refuses(lambda: train("parts", 3), error=Interrupted)
    refuses(lambda: train("parts", 2), error=Interrupted)
    for ours, expected in zip(train("parts"), whole, strict=True):
        np.testing.assert_array_equal(ours, expected)
"""

TORCH = """
    import contextlib
    import torch.distributed as dist

    rank, folder = int(sys.argv[1]), sys.argv[2]
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2
    )
    scope, data = contextlib.nullcontext, images[rank::2]
"""

JAX = """
    import os
    os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=1"
    import contextlib
    import sys

    import jax
    import keras

    rank, folder = int(sys.argv[1]), sys.argv[2]
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    keras.distribution.initialize(sys.argv[3], 2, rank)
    keras.distribution.set_distribution(
        keras.distribution.DataParallel(auto_shard_dataset=False)
    )
"""
JAX_AFTER = """
    scope, data = contextlib.nullcontext, images[rank::2]
"""

MIRRORED = """
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 2
    )
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    rank, folder, data = 0, sys.argv[2], images
    scope = strategy.scope
"""
WORKERS = """
    import os
    import tensorflow as tf

    rank, folder = int(sys.argv[1]), sys.argv[2]
    os.environ["TF_CONFIG"] = sys.argv[3].replace("RANK", str(rank))
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    assert kc.distribution.is_first_process() is (rank == 0)
    scope, data = strategy.scope, images
"""


@pytest.mark.parametrize("backend", [BACKEND])
def test_goes_on_as_it_was(backend, tmp_path):
    ranks = [(str(rank), str(tmp_path)) for rank in range(2)]
    if backend == "torch":
        run(COMMON, MODEL, TORCH, RESUME, arguments=ranks)
    elif backend == "jax":
        address = f"127.0.0.1:{_free_port(1)}"
        ranks = [(*own, address) for own in ranks]
        run(JAX, COMMON, MODEL, JAX_AFTER, RESUME, arguments=ranks)
    else:
        run(COMMON, MODEL, MIRRORED, RESUME, arguments=ranks[:1])


@pytest.mark.slow
def test_workers_of_tensorflow(tmp_path):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("of the TensorFlow backend")
    port = _free_port(2)
    workers = ", ".join(f'"127.0.0.1:{port + i}"' for i in range(2))
    config = (
        f'{{"cluster": {{"worker": [{workers}]}}, '
        '"task": {"type": "worker", "index": RANK}}'
    )
    ranks = [(str(rank), str(tmp_path), config) for rank in range(2)]
    run(COMMON, MODEL, WORKERS, RESUME, arguments=ranks)
