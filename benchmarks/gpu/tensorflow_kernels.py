"""Which operations of the steps TensorFlow has no GPU kernel for, without one.

    pip install --no-deps --target SITE tensorflow==2.21.0
    PYTHONPATH=SITE .venv/bin/python benchmarks/gpu/tensorflow_kernels.py

PyPI's `tensorflow` for Linux registers its GPU kernels although there is no
GPU. The steps of all methods are traced for a small batch, and each operation
is looked up with its dtypes. What has no kernel would run on the CPU, and the
GPU would wait for it. This matters where there is no XLA: several GPUs,
`jit_compile=False`. Writes `benchmarks/results/tensorflow_kernels.md`.
"""

import argparse
import collections
import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"
sys.path.insert(0, str(Path(__file__).parents[2]))

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework import kernels

import keras_contrastive as kc

RESULTS = Path(__file__).parents[1] / "results"
# These only call other functions.
CALLS = {
    *("Case", "If", "PartitionedCall", "StatefulPartitionedCall"),
    *("StatelessCase", "StatelessIf", "StatelessWhile", "While"),
    *("NoOp", "Placeholder"),
}
BATCH, SIZE, WORDS = 8, 32, 6

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument(
    "--output", default=RESULTS / "tensorflow_kernels.md", type=Path
)


def image_models():
    """Each method once; the models that a policy may change, under each."""
    prototypes = {"num_prototypes": 8}
    for make, arguments in (
        (kc.SimCLRModel, {}),
        (kc.BYOLModel, {"predictor": head(), "total_steps": 9}),
        (kc.DINOModel, {**prototypes, "total_steps": 9}),
        (kc.DistillationModel, {"teacher": encoder()}),
        (kc.MoCoModel, {"queue_size": 16}),
        (kc.NNCLRModel, {"predictor": head(), "queue_size": 16}),
        (kc.SimSiamModel, {"predictor": head()}),
        (kc.SwAVModel, {**prototypes, "queue_size": 16}),
    ):
        # A student's head is as wide as its teacher.
        width = 64 if make is kc.DistillationModel else 16
        yield make(encoder(), head(width), num_classes=4, **arguments)


def encoder():
    return kc.models.ResNet18("cifar", width=8, input_shape=(SIZE, SIZE, 3))


def head(width=16):
    return kc.layers.ProjectionHead(16, width)


def clip_model(make=kc.CLIPModel, **arguments):
    size = {"width": 16, "num_layers": 2, "num_heads": 2}
    images = kc.models.VisionTransformer(
        patch_size=8, input_shape=(SIZE, SIZE, 3), **size
    )
    texts = kc.models.TextTransformer(
        vocabulary_size=20, context_length=WORDS, end_id=19, **size
    )
    return make(images, texts, projection_dim=16, **arguments)


def with_kernel():
    """Names of operations to the dtypes of their GPU kernels' arguments."""
    found = collections.defaultdict(list)
    for kernel in kernels.get_all_registered_kernels().kernel:
        if kernel.device_type in ("GPU", "DEFAULT"):
            found[kernel.op].append(
                {
                    constraint.name: set(constraint.allowed_values.list.type)
                    for constraint in kernel.constraint
                }
            )
    return found


def fits(node, kernel):
    for name, allowed in kernel.items():
        value = node.attr[name]
        given = set(value.list.type) or {value.type}
        if allowed and not given <= allowed:
            return False
    return True


def operations(step, data):
    graph = tf.function(step, autograph=False).get_concrete_function(data).graph
    definition = graph.as_graph_def()
    nodes = list(definition.node)
    for function in definition.library.function:
        # XLA compiles the others.
        if not function.attr["_XlaMustCompile"].b:
            nodes += function.node_def
    return [node for node in nodes if node.op not in CALLS]


def row(name, model, data, found):
    model.compile(keras.optimizers.AdamW(1e-3), jit_compile=False)
    model.fit(data, shuffle=False, verbose=0)
    counts = []
    for step in (model.train_step, model.test_step):
        nodes = operations(step, next(iter(data)))
        missing = collections.Counter(
            node.op
            for node in nodes
            if not any(fits(node, kernel) for kernel in found[node.op])
        )
        counts.append(f"{len(nodes):,}")
        counts.append(
            ", ".join(f"{n} {op}" for op, n in missing.items()) or "none"
        )
    print(name, *counts)
    return f"| {name} | {' | '.join(counts)} |"


def main():
    args = parser.parse_args()
    found = with_kernel()
    if "Conv2D" not in found:
        raise SystemExit("This TensorFlow is built without a GPU.")
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (BATCH, SIZE, SIZE, 3)).astype("uint8")
    labels = np.arange(BATCH) % 4
    tokens = np.tile([1, 2, 3, 4, 19, 0], (BATCH, 1)).astype("int32")
    of_images = tf.data.Dataset.from_tensor_slices((images, labels))
    of_pairs = tf.data.Dataset.from_tensor_slices(
        {"images": images, "texts": tokens}
    )
    of_images, of_pairs = (x.batch(BATCH) for x in (of_images, of_pairs))
    rows = []
    for model in image_models():
        rows.append(row(type(model).__name__, model, of_images, found))
    for make in (kc.CLIPModel, kc.SLIPModel):
        own = {"projector": head()} if make is kc.SLIPModel else {}
        model = clip_model(make, **own)
        rows.append(row(make.__name__, model, of_pairs, found))
    for policy in ("mixed_bfloat16", "mixed_float16"):
        keras.config.set_dtype_policy(policy)
        model = kc.SimCLRModel(encoder(), head(), num_classes=4)
        rows.append(row(f"SimCLRModel, {policy}", model, of_images, found))
        rows.append(row(f"CLIPModel, {policy}", clip_model(), of_pairs, found))
    text = [
        "# GPU kernels of TensorFlow's steps",
        "",
        "Operations of the steps without XLA, and those for whose dtypes "
        "TensorFlow has no GPU kernel. Traced, not run.",
        "",
        "| | training step | without kernel | evaluation step "
        "| without kernel |",
        "|---|---|---|---|---|",
        *rows,
        "",
        f"`python benchmarks/gpu/tensorflow_kernels.py`, TensorFlow "
        f"{tf.__version__}, Keras {keras.__version__}.",
    ]
    args.output.write_text("\n".join(text) + "\n")


if __name__ == "__main__":
    main()
