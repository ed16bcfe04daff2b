"""The loss over two replicas is that of one on the whole batch.

Each strategy lives in a process of its own: two in one process collide.
"""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests.autodiff import value_and_gradients

ROOT = Path(__file__).parents[2]

# Both scripts print the loss and the gradients by the embeddings, as JSON.
COMMON = """
    import json
    import sys
    import numpy as np
    import keras_contrastive as kc

    rng = np.random.default_rng(0)
    z = rng.normal(size=(2, 8, 4)).astype("float32")
    loss = kc.losses.NTXentLoss(0.2)
"""
TENSORFLOW = """
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 2
    )
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])

    def on_replica():
        replica = kc.distribution.replica_index()
        z_a, z_b = (tf.constant(v)[4 * replica : 4 * replica + 4] for v in z)
        with tf.GradientTape() as tape:
            tape.watch([z_a, z_b])
            value = loss(z_a, z_b)
        context = tf.distribute.get_replica_context()
        # Keras has divided each replica's loss by their number.
        total = context.all_reduce("SUM", value)
        return total, [
            context.all_gather(g, 0) for g in tape.gradient(value, [z_a, z_b])
        ]

    value, gradients = strategy.run(tf.function(on_replica))
    first = lambda x: strategy.experimental_local_results(x)[0]
    print(json.dumps([
        float(first(value)), *(first(g).numpy().tolist() for g in gradients)
    ]))
"""
TORCH = """
    import torch
    import torch.distributed as dist

    rank = int(sys.argv[1])
    dist.init_process_group(
        "gloo", init_method=f"file://{sys.argv[2]}", rank=rank, world_size=2
    )
    own = [
        torch.tensor(v[4 * rank : 4 * rank + 4], requires_grad=True) for v in z
    ]
    # The mean over replicas of the local means.
    value = loss(*own) / kc.distribution.num_replicas()
    value.backward()
    total = value.detach().clone()
    dist.all_reduce(total)
    with torch.no_grad():
        gradients = [kc.distribution.all_gather(v.grad) for v in own]
    if rank == 0:
        print(json.dumps([
            float(total), *(g.numpy().tolist() for g in gradients)
        ]))
    dist.destroy_process_group()
"""


def start(script, *arguments):
    code = textwrap.dedent(COMMON) + textwrap.dedent(script)
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def output_of(processes):
    outputs = []
    for process in processes:
        out, err = process.communicate(timeout=600)
        assert process.returncode == 0, err
        outputs.append(out)
    return json.loads(outputs[0].splitlines()[-1])


def test_two_replicas_equal_one(tmp_path):
    backend = keras.backend.backend()
    if backend == "jax":
        pytest.skip("JAX programs see the global batch: nothing is gathered")
    if backend == "tensorflow":
        value, *gradients = output_of([start(TENSORFLOW)])
    else:
        meeting_point = str(tmp_path / "meeting_point")
        value, *gradients = output_of(
            [start(TORCH, str(rank), meeting_point) for rank in range(2)]
        )
    z = np.random.default_rng(0).normal(size=(2, 8, 4)).astype("float32")
    loss = kc.losses.NTXentLoss(0.2)
    expected, expected_gradients = value_and_gradients(
        lambda a, b: loss(a, b), *z
    )
    assert value == pytest.approx(float(expected), rel=1e-5)
    for actual, reference in zip(gradients, expected_gradients, strict=True):
        np.testing.assert_allclose(actual, reference, rtol=1e-4, atol=1e-6)


def test_identity_on_one_device():
    x = keras.ops.ones((3, 2))
    for of_all in (
        kc.distribution.all_gather,
        kc.distribution.mean_over_replicas,
    ):
        assert of_all(x) is x
    np.testing.assert_array_equal(kc.distribution.unscale_loss(x), x)
    assert kc.distribution.num_replicas() == 1
    assert kc.distribution.replica_index() == 0
    assert kc.distribution.batch_divisor() == 1
    assert kc.distribution.is_first_process() is True
    metric = keras.metrics.Mean()
    metric.update_state([1.0, 3.0])
    with kc.distribution.sums_over_replicas(metric.variables):
        assert float(metric.result()) == 2


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="of the TensorFlow backend"
)
@pytest.mark.parametrize("in_scope", [True, False])
@pytest.mark.parametrize(
    "jobs, task, is_first",
    [
        ("worker", "worker 0", True),
        ("worker", "worker 1", False),
        ("chief worker", "chief 0", True),
        ("chief worker", "worker 0", False),
        ("chief worker", "worker 1", False),
        ("worker", "evaluator 0", False),
        ("chief worker ps", "ps 0", False),
        ("", "", True),
    ],
)
def test_first_process(jobs, task, is_first, in_scope, monkeypatch):
    """By the strategy's cluster, or `TF_CONFIG` outside of its scope."""
    import tensorflow as tf

    config = {"cluster": {job: ["a:1", "b:1"] for job in jobs.split()}}
    if task:
        kind, index = task.split()
        config["task"] = {"type": kind, "index": int(index)}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    if in_scope:
        resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
        resolver = (
            tf.distribute.cluster_resolver.SimpleClusterResolver(
                resolver.cluster_spec(), task_type=kind, task_id=int(index)
            )
            if task
            else None
        )
        monkeypatch.delenv("TF_CONFIG")
        strategy = SimpleNamespace(cluster_resolver=resolver)
        monkeypatch.setattr(tf.distribute, "get_strategy", lambda: strategy)
    assert kc.distribution.is_first_process() is is_first
