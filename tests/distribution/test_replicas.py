"""What replicas draw, how they start, and what they refuse.

Each script runs in processes of its own, as every strategy must, and holds
its own assertions.
"""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import keras

ROOT = Path(__file__).parents[2]

COMMON = """
    import sys
    import warnings

    def refuses(call, *words, error=ValueError):
        try:
            call()
        except error as raised:
            assert all(word in str(raised) for word in words), raised
        else:
            raise AssertionError(f"nothing was raised; expected {words}")
"""

MODEL = """
    import keras
    import numpy as np
    import keras_contrastive as kc

    def make_model(**compile_arguments):
        encoder = keras.Sequential([
            keras.Input((4, 4, 3)),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.5, name="foreign"),
            keras.layers.Dense(4),
            keras.layers.BatchNormalization(name="local"),
        ])
        whole = kc.layers.RandomResizedCrop(4, 4)
        model = kc.SimCLRModel(encoder, augmenter=whole)
        model.compile(**compile_arguments)
        return model

    images = np.random.default_rng(0).uniform(size=(64, 4, 4, 3))
    images = images.astype("float32")
"""

TENSORFLOW = """
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 2
    )
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    scope = strategy.scope()
    scope.__enter__()

    # Outside a replica, where Keras builds models, nothing is exchanged.
    assert kc.distribution.num_replicas() == 2
    assert kc.distribution.batch_divisor() == 2
    assert kc.distribution.is_first_process() is True
    assert kc.distribution.replica_index() == 0
    assert float(kc.distribution.unscale_loss(tf.constant(1.5))) == 3
    x = tf.ones((2, 3))
    assert kc.distribution.all_gather(x) is x
    assert kc.distribution.mean_over_replicas(x) is x

    # Inside, of known and unknown numbers of rows; the gradient of a mean.
    unknown = tf.TensorSpec((None, 3))

    @tf.function(input_signature=[unknown])
    def exchange(x):
        index = kc.distribution.replica_index()
        own = x + tf.cast(index, "float32")
        with tf.GradientTape() as tape:
            tape.watch(own)
            mean = kc.distribution.mean_over_replicas(own)
            loss = tf.reduce_sum(mean) * tf.cast(index + 1, "float32")
        gradient = tape.gradient(loss, own)
        gathered = kc.distribution.all_gather(own)
        assert gathered.shape == (None, 3), gathered.shape
        return gathered, mean, gradient, index

    outputs = strategy.run(exchange, args=(x,))
    outputs = [strategy.experimental_local_results(o) for o in outputs]
    for replica in range(2):
        gathered, mean, gradient, index = (o[replica].numpy() for o in outputs)
        assert index == replica
        np.testing.assert_array_equal(gathered, [[1] * 3] * 2 + [[2] * 3] * 2)
        np.testing.assert_array_equal(mean, [[1.5] * 3] * 2)
        np.testing.assert_array_equal(gradient, [[(1 + 2) / 2] * 3] * 2)

    refuses(lambda: make_model(steps_per_execution=2), "steps_per_execution=2")
    refuses(lambda: make_model(jit_compile=True), "jit_compile=True")
    accumulating = keras.optimizers.Adam(gradient_accumulation_steps=2)
    refuses(
        lambda: make_model(optimizer=accumulating),
        "gradient_accumulation_steps=2",
    )
    model = make_model()
    fit = lambda x, **kwargs: model.fit(x, verbose=0, **kwargs)
    refuses(lambda: fit(images, batch_size=15), "divisible by the 2 devices")
    refuses(lambda: fit(images[:31], batch_size=16), "31 examples", "first 30")
    refuses(
        lambda: fit(images, batch_size=16, validation_data=(images[:31],)),
        "`validation_data` of 31",
    )
    refuses(
        lambda: model.evaluate(images[:31], batch_size=16), "31 examples"
    )
    # 16 and 15: only the step itself sees the last batch of a dataset.
    ragged = tf.data.Dataset.from_tensor_slices(images[:31]).batch(16)
    refuses(
        lambda: fit(ragged),
        "drop_remainder=True",
        error=(tf.errors.InvalidArgumentError, ValueError),
    )
    ours = kc.layers.Dropout(0.5)
    model = make_model()

    # As in the usual script, outside of the scope that the model is made in.
    scope.__exit__(None, None, None)
    assert kc.distribution.num_replicas() == 1
    refuses(lambda: fit(images, batch_size=15), "divisible by the 2 devices")
    refuses(
        lambda: model.evaluate(images[:31], batch_size=16), "31 examples"
    )
    refuses(
        lambda: model.compile(steps_per_execution=2), "steps_per_execution=2"
    )
    seen = []
    ask = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda *_: seen.append(kc.distribution.num_replicas())
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(images, batch_size=16, callbacks=[ask])
    assert any("normalize by the examples of one" in str(w) for w in caught)
    assert seen == [2]
    assert model.predict(images[:3], verbose=0).shape == (3, 4)

    # Layers of ours and of Keras, the model's own and one by itself.
    layers = {"foreign": model.encoder.get_layer("foreign"), "ours": ours}
    for name, layer in layers.items():
        dropped = strategy.experimental_local_results(
            strategy.run(
                tf.function(lambda: layer(tf.ones((8, 48)), training=True))
            )
        )
        assert (dropped[0].numpy() != dropped[1].numpy()).any(), name
"""

JAX = """
    import os
    os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
"""
JAX_AFTER = """
    keras.distribution.set_distribution(keras.distribution.DataParallel())
    model = make_model()
    fit = lambda x, **kwargs: model.fit(x, verbose=0, **kwargs)
    refuses(lambda: fit(images, batch_size=15), "divisible by the 2 devices")
    refuses(lambda: fit(images[:31], batch_size=16), "31 examples", "first 30")
    fit(images, batch_size=16)
    # Keras splits 36 into 27 and 9, 40 into 30 and 10.
    refuses(
        lambda: fit(images[:36], batch_size=12, validation_split=0.25),
        "`validation_split` of 0.25",
    )
    fit(images[:40], batch_size=10, validation_split=0.25)
    refuses(
        lambda: fit(
            images[:40], validation_split=0.25, validation_batch_size=5
        ),
        "in batches of 5",
    )
"""

TORCH = """
    import torch
    import torch.distributed as dist

    rank = int(sys.argv[1])
    dist.init_process_group(
        "gloo", init_method=f"file://{sys.argv[2]}", rank=rank, world_size=2
    )
    # Seeds differ, weights therefore too; `fit` starts from the first's.
    keras.utils.set_random_seed(rank)
    model = make_model()
    before = model.encoder.get_weights()[0]
    model.fit(images[rank::2], batch_size=16, verbose=0)
    gather = lambda x: [p.numpy() for p in kc.distribution.all_gather(
        torch.as_tensor(x)[None]
    )]
    first, second = gather(before)
    assert (first != second).any()
    for weight in model.trainable_variables:
        first, second = gather(keras.ops.convert_to_numpy(weight))
        np.testing.assert_array_equal(first, second)

    # A second `fit` does not repeat the random numbers of the first, nor one
    # process those of the other, even if both were given one seed again.
    states = []
    keep = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda *_: states.append(torch.get_rng_state())
    )
    for again in range(3):
        if again == 2:
            keras.utils.set_random_seed(0)
        model.fit(
            images[rank::2], batch_size=16, verbose=0, callbacks=[keep]
        )
    assert (states[0] != states[1]).any()
    for state in states:
        first, second = gather(state)
        assert (first != second).any()

    # Neither a loop of one's own nor `evaluate` needs `fit` before.
    for method in ("train_on_batch", "test_on_batch", "train_step"):
        keras.utils.set_random_seed(rank)
        other = make_model()
        batch = images[rank::2][:16]
        if method == "train_step":
            other.optimizer.build(other.trainable_variables)
            batch = torch.tensor(batch)
        getattr(other, method)(batch)
        for weight in other.trainable_variables:
            first, second = gather(keras.ops.convert_to_numpy(weight))
            np.testing.assert_array_equal(first, second)

    # Bad data of one process stops all.
    bad = images[rank::2].copy()
    bad[:, 0] = np.nan if rank else 0
    refuses(lambda: make_model().fit(bad, batch_size=16, verbose=0), "finite")

    # Ints are gathered too, in the order of the ranks.
    ids = kc.distribution.all_gather(torch.arange(3) + 10 * rank)
    assert ids.tolist() == [0, 1, 2, 10, 11, 12]

    # Layers of ours and of Keras drop other units in each process.
    for layer in (keras.layers.Dropout(0.5), kc.layers.Dropout(0.5, seed=0)):
        first, second = gather(layer(torch.ones(8, 48), training=True))
        assert (first != second).any(), layer

    fit = lambda x: model.fit(x, batch_size=16, verbose=0)
    refuses(lambda: fit(images[:16]), "its own part", "the same batch")
    sizes = (16, 12)
    refuses(
        lambda: fit(images[rank::2][: sizes[rank]]), "[16, 12]", "drop_last"
    )
    dist.destroy_process_group()
"""


def run(*scripts, arguments=((),)):
    code = "".join(textwrap.dedent(script) for script in scripts)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, *own],
            cwd=ROOT,
            env={
                **os.environ,
                "OMP_NUM_THREADS": "1",
                "TF_CPP_MIN_LOG_LEVEL": "3",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for own in arguments
    ]
    for process in processes:
        printed, _ = process.communicate(timeout=600)
        assert process.returncode == 0, printed


def test_replicas(tmp_path):
    backend = keras.backend.backend()
    if backend == "tensorflow":
        run(COMMON, MODEL, TENSORFLOW)
    elif backend == "jax":
        run(JAX, COMMON, MODEL, JAX_AFTER)
    else:
        ranks = [(str(rank), str(tmp_path / "meeting")) for rank in range(2)]
        run(COMMON, MODEL, TORCH, arguments=ranks)
