"""Ten steps of training on one device or many, for comparison.

    python -m tests.distribution.training_run OUTPUT.npz --devices 2

Trains SimCLR (BatchNorm, LARS, a probe), CLIP (AdamW, a learnable scale,
several captions per image, negative texts), SLIP, CLIP with a teacher,
DualEncoderModel (three towers), MoCo, BYOL and NNCLR (teachers, queues,
predictors), SwAV and DINO (crops of two sizes, prototypes) on fixed batches and
views, and writes each step's loss and metrics, and the weights afterwards.
`--methods` names some of them. `--devices` is the number of
replicas in this process; several processes meet at `--meeting-point`, as
process `--rank` of `--world-size`.
"""

import argparse
import functools
import json
import os

parser = argparse.ArgumentParser()
parser.add_argument("output")
parser.add_argument("--devices", default=1, type=int)
parser.add_argument("--rank", default=0, type=int)
parser.add_argument("--world-size", default=1, type=int)
parser.add_argument("--meeting-point", help="host:port, or a file on PyTorch")
parser.add_argument("--model-parallel", action="store_true", help="JAX")
parser.add_argument("--microbatches", type=int, help="per step")
parser.add_argument("--methods", nargs="+", help="all by default")
parser.add_argument("--dtype", default="float32", help="dtype policy")

STEPS, BATCH = 10, 16


def batches_of(rank, world_size, *arrays):
    """Of each global batch the rows of one process."""
    own = []
    for array in arrays:
        parts = array.reshape(STEPS, world_size, -1, *array.shape[1:])
        own.append(parts[:, rank].reshape(-1, *array.shape[1:]))
    return own


def make_simclr(kc, keras, **compile_arguments):
    layers = keras.layers
    encoder = keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            layers.Conv2D(8, 3, strides=2, use_bias=False),
            kc.layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2D(16, 3, use_bias=False),
            kc.layers.BatchNormalization(),
            layers.ReLU(),
            layers.GlobalAveragePooling2D(),
        ]
    )
    model = kc.SimCLRModel(
        encoder, kc.layers.ProjectionHead(16, 8), num_classes=4
    )
    model.compile(
        kc.optimizers.LARS(0.5, weight_decay=1e-4),
        metrics=[
            kc.metrics.ContrastiveAccuracy(),
            kc.metrics.Alignment(),
            kc.metrics.Uniformity(),
            kc.metrics.EffectiveRank(dim=8),
        ],
        **compile_arguments,
    )
    return model


def make_clip(kc, keras, kind="clip", **compile_arguments):
    layers = keras.layers
    images = keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            layers.Conv2D(16, 3, strides=2, activation="gelu"),
            layers.GlobalAveragePooling2D(),
        ]
    )
    texts = kc.models.TextTransformer(
        16, end_id=1, context_length=6, width=16, num_layers=1, num_heads=2
    )
    # Crops of the whole image: views that are the same on every device.
    whole = kc.layers.RandomResizedCrop(12, 12, scale=(1, 1), ratio=(1, 1))
    towers = {"image_encoder": images, "text_encoder": texts}
    towers |= {"projection_dim": 8, "augmenter": whole}
    if kind == "distilled_clip":
        teacher = make_clip(kc, keras)
        teacher.build_from_encoders()
        model = kc.CLIPDistillationModel(**towers, teacher=teacher)
    elif kind == "slip":
        projector = kc.layers.ProjectionHead(16, 8, use_batch_norm=False)
        model = kc.SLIPModel(
            **towers, projector=projector, view_augmenter=whole
        )
    else:
        model = kc.CLIPModel(**towers)
    model.compile(
        # Of a gradient that is zero but for rounding, that of the keys' bias
        # in an attention, Adam would make steps of full length.
        keras.optimizers.AdamW(3e-3, weight_decay=0.1, epsilon=1e-4),
        **compile_arguments,
    )
    kc.optimizers.exclude_from_weight_decay(model)
    return model


def make_dual(kc, keras, **compile_arguments):
    layers = keras.layers
    images = [keras.Input((12, 12, 3)), layers.GlobalAveragePooling2D()]
    sensors = [keras.Input((12, 3)), layers.Flatten()]
    encoders = {
        "image": keras.Sequential([*images, layers.Dense(16, "gelu")]),
        "sensor": keras.Sequential([*sensors, layers.Dense(16, "gelu")]),
        "text": kc.models.BagOfWords(16, 16),
    }
    whole = kc.layers.RandomResizedCrop(12, 12, scale=(1, 1), ratio=(1, 1))
    model = kc.DualEncoderModel(
        encoders, 8, augmenters={"image": whole}, anchor="image"
    )
    model.compile(keras.optimizers.SGD(0.3), **compile_arguments)
    return model


def make_relative(name, **arguments):
    """A relative of SimCLR with a predictor, a teacher or a queue."""

    def make(kc, keras, **compile_arguments):
        layers = keras.layers
        encoder = keras.Sequential(
            [
                keras.Input((12, 12, 3)),
                layers.Conv2D(8, 3, strides=2, activation="relu"),
                layers.GlobalAveragePooling2D(),
            ]
        )
        whole = kc.layers.RandomResizedCrop(12, 12, scale=(1, 1), ratio=(1, 1))
        model = getattr(kc, name)(
            encoder,
            kc.layers.ProjectionHead(16, 8),
            whole,
            predictor=kc.layers.ProjectionHead(16, 8),
            num_classes=4,
            **arguments,
        )
        model.compile(keras.optimizers.SGD(0.003), **compile_arguments)
        return model

    return make


def make_prototypes(name, **arguments):
    """A method of crops of two sizes, here each of the whole image."""

    def make(kc, keras, **compile_arguments):
        layers = keras.layers
        encoder = keras.Sequential(
            [
                keras.Input((None, None, 3)),
                layers.Conv2D(8, 3, strides=2, activation="relu"),
                layers.GlobalAveragePooling2D(),
            ]
        )
        whole, small = (
            kc.layers.RandomResizedCrop(size, size, scale=(1, 1), ratio=(1, 1))
            for size in (12, 6)
        )
        model = getattr(kc, name)(
            encoder,
            kc.layers.ProjectionHead(8, 4),
            kc.layers.MultiCrop(whole, small, num_local=2),
            num_prototypes=6,
            num_classes=4,
            **arguments,
        )
        model.compile(keras.optimizers.SGD(0.003), **compile_arguments)
        return model

    return make


METHODS = {
    "simclr": make_simclr,
    "clip": make_clip,
    "dual": make_dual,
    "slip": functools.partial(make_clip, kind="slip"),
    "distilled_clip": functools.partial(make_clip, kind="distilled_clip"),
    "moco": make_relative("MoCoModel", queue_size=64),
    "byol": make_relative("BYOLModel", total_steps=20),
    "nnclr": make_relative("NNCLRModel", queue_size=64),
    "swav": make_prototypes("SwAVModel", queue_size=BATCH),
    "dino": make_prototypes("DINOModel"),
}


def data_of(np, rank, world_size):
    """The arguments `x` and `y` of `fit`, of all methods."""
    rng = np.random.default_rng(0)
    n = STEPS * BATCH
    shade = rng.uniform(size=(n, 1, 1, 3))
    views = [
        np.clip(shade + 0.3 * rng.normal(size=(n, 12, 12, 3)), 0, 1)
        for _ in range(2)
    ]
    views = [view.astype("float32") for view in views]
    labels = rng.integers(0, 4, n)
    texts = rng.integers(2, 16, (n, 6)).astype("int32")
    texts[:, -1] = 1
    # Two captions of each image, on different devices.
    image_ids = (np.arange(n) % BATCH % (BATCH // 2)).astype("int32")
    a, b, labels, texts, image_ids = batches_of(
        rank, world_size, *views, labels, texts, image_ids
    )
    clip = {"images": a, "texts": texts, "image_ids": image_ids}
    # Two negatives of each image: its text's words in another order.
    clip["negative_texts"] = np.stack(
        [np.roll(texts[:, :-1], k, axis=1) for k in (1, 2)], axis=1
    )
    ends = np.ones((*clip["negative_texts"].shape[:2], 1), "int32")
    clip["negative_texts"] = np.concatenate([clip["negative_texts"], ends], 2)
    dual = {"image": a, "sensor": b[:, 0], "text": texts, "ids": image_ids}
    return {
        "simclr": ((a, b), labels),
        "clip": (clip, None),
        "slip": (clip, None),
        "distilled_clip": (clip, None),
        "dual": (dual, None),
        "moco": (a, labels),
        "byol": (a, labels),
        "nnclr": (a, labels),
        "swav": (a, labels),
        "dino": (a, labels),
    }


def start_from_known_weights(model, np):
    """Weights that do not depend on how a backend draws them."""
    rng = np.random.default_rng(1)
    for variable in model.trainable_variables:
        if len(variable.shape) > 1:
            scale = np.prod(variable.shape[:-1]) ** -0.5
            values = scale * rng.normal(size=tuple(variable.shape))
            variable.assign(values.astype("float32"))
    if hasattr(model, "predictor"):
        # A bias that has no gradient but rounding is compared too.
        for variable in model.trainable_variables:
            if len(variable.shape) == 1:
                values = rng.uniform(0.5, 1.5, variable.shape)
                variable.assign(values.astype("float32"))
    if hasattr(model, "student"):
        model.teacher.copy_weights(model.student)
    elif hasattr(model, "teacher") and hasattr(model, "projector"):
        model.teacher.copy_weights(model.encoder, model.projector)
    if hasattr(model, "queue"):
        values = rng.normal(size=(model.queue.size, model.queue.dim))
        values /= np.linalg.norm(values, axis=1, keepdims=True)
        model.queue.weights[0].assign(values.astype("float32"))


def run(args):
    # After the distribution is set up.
    import keras
    import numpy as np

    import keras_contrastive as kc

    keras.config.set_dtype_policy(args.dtype)
    rank, world_size = args.rank, args.world_size
    if keras.backend.backend() == "tensorflow":
        # The strategy takes a worker's part out of the global batch.
        rank, world_size = 0, 1
    data = data_of(np, rank, world_size)
    batch_size = BATCH // world_size
    results = {}
    compile_arguments = {}
    if args.microbatches:
        # The part of the batch that one replica embeds: on JAX all of it.
        devices = 1 if keras.backend.backend() == "jax" else args.devices
        own = BATCH // args.world_size // devices
        compile_arguments["microbatch_size"] = own // args.microbatches
    for method in args.methods or METHODS:
        make = METHODS[method]
        keras.utils.set_random_seed(0)
        model = make(kc, keras, **compile_arguments)
        if not model.built:
            model.build({"images": (None, 12, 12, 3), "texts": (None, 6)})
        start_from_known_weights(model, np)
        x, y = data[method]
        train_x, train_y, train_size = x, y, batch_size
        if keras.backend.backend() == "tensorflow" and args.microbatches:
            import tensorflow as tf

            # Of a known batch size.
            pair = (x,) if y is None else (x, y)
            train_x = tf.data.Dataset.from_tensor_slices(pair)
            train_x = train_x.batch(batch_size, drop_remainder=True)
            train_y, train_size = None, None
        history = model.fit(
            train_x,
            train_y,
            batch_size=train_size,
            epochs=STEPS,
            steps_per_epoch=1,
            shuffle=False,
            verbose=0,
        ).history
        for name, values in history.items():
            results[f"{method}/log/{name}"] = np.array(values, "float64")
        evaluated = model.evaluate(
            x, y, batch_size=batch_size, return_dict=True, verbose=0
        )
        for name, value in evaluated.items():
            results[f"{method}/evaluate/{name}"] = np.float64(value)
        predicted = model.predict(x, batch_size=batch_size, verbose=0)
        for i, value in enumerate(keras.tree.flatten(predicted)):
            results[f"{method}/predict/{i}"] = value
        weights = [
            v for v in model.weights if keras.backend.is_float_dtype(v.dtype)
        ]
        for i, variable in enumerate(weights):
            results[f"{method}/weight/{i} {variable.path}"] = (
                keras.ops.convert_to_numpy(variable)
            )
    if args.rank == 0:
        np.savez(args.output, **results)


def run_on_tensorflow(args):
    import tensorflow as tf

    if args.world_size > 1:
        address, port = args.meeting_point.split(":")
        os.environ["TF_CONFIG"] = json.dumps(
            {
                "cluster": {
                    "worker": [
                        f"{address}:{int(port) + i}"
                        for i in range(args.world_size)
                    ]
                },
                "task": {"type": "worker", "index": args.rank},
            }
        )
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    elif args.devices > 1:
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * args.devices
        )
        strategy = tf.distribute.MirroredStrategy(
            [f"CPU:{i}" for i in range(args.devices)]
        )
    else:
        strategy = tf.distribute.get_strategy()
    with strategy.scope():
        run(args)


def run_on_jax(args):
    os.environ["XLA_FLAGS"] = (
        os.environ.get("XLA_FLAGS", "")
        + f" --xla_force_host_platform_device_count={args.devices}"
    )
    import jax
    import keras

    if args.world_size > 1:
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
        keras.distribution.initialize(
            args.meeting_point, args.world_size, args.rank
        )
    devices = keras.distribution.list_devices()
    if args.model_parallel:
        mesh = keras.distribution.DeviceMesh(
            (len(devices) // 2, 2), ("batch", "model"), devices
        )
        layout = keras.distribution.LayoutMap(mesh)
        layout[".*conv2d.*kernel"] = (None, None, None, "model")
        keras.distribution.set_distribution(
            keras.distribution.ModelParallel(
                layout_map=layout, batch_dim_name="batch"
            )
        )
    elif len(devices) > 1:
        keras.distribution.set_distribution(
            keras.distribution.DataParallel(
                devices=devices,
                # Each process brings its own part of the data.
                auto_shard_dataset=args.world_size == 1,
            )
        )
    run(args)


def run_on_torch(args):
    import torch.distributed as dist

    if args.world_size > 1:
        dist.init_process_group(
            "gloo",
            init_method=f"file://{args.meeting_point}",
            rank=args.rank,
            world_size=args.world_size,
        )
    run(args)
    if args.world_size > 1:
        dist.destroy_process_group()


if __name__ == "__main__":
    backend = os.environ["KERAS_BACKEND"]
    {
        "tensorflow": run_on_tensorflow,
        "jax": run_on_jax,
        "torch": run_on_torch,
    }[backend](parser.parse_args())
