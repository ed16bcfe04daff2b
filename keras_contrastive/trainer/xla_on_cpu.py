"""XLA for the training of transformers on CPUs with TensorFlow."""

import contextlib
import math
import warnings
from collections.abc import Iterator
from typing import Any

import keras

from keras_contrastive.layers.transformer.transformer_block import (
    TransformerBlock,
)
from keras_contrastive.trainer.keras_internals import all_layers
from keras_contrastive.trainer.keras_internals import is_of_keras
from keras_contrastive.trainer.replica_checks import count_examples

# Compiling a step of small towers took 9 s longer than tracing it, and saved a
# quarter to a third of each step of a second.
FEWEST_STEPS = 200
_CONVOLUTIONS = tuple(
    getattr(keras.layers, f"{kind}Conv{rank}D")
    for kind in ("", "Depthwise", "Separable")
    for rank in (1, 2, 3)
    if hasattr(keras.layers, f"{kind}Conv{rank}D")
)


def repays_xla(model: Any, arguments: dict[str, Any]) -> bool:
    """Whether `fit` with `jit_compile="auto"` is faster with XLA on a CPU.

    Keras' "auto" never uses XLA where TensorFlow has only CPUs. XLA fuses the
    many small operations of a transformer, which then trains faster, but its
    convolutions are slow. XLA is used if the model consists of this package's
    transformers and trains for at least `FEWEST_STEPS` steps. The decision does
    not depend on `initial_epoch`, so a resumed run decides the same. With XLA,
    TensorFlow draws different random numbers from the same seeds.

    Args:
        model: The compiled model.
        arguments: Dict of the arguments of `fit`.
    """
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    steps = _count_steps(arguments)
    return (
        steps is not None
        and steps >= FEWEST_STEPS
        and not model.run_eagerly
        and not tf.distribute.has_strategy()
        and not tf.config.list_physical_devices("GPU")
        and _consists_of_transformers(model)
    )


@contextlib.contextmanager
def with_xla(model: Any) -> Iterator[None]:
    """A context in which Keras compiles the functions of `model` with XLA."""
    before = model.jit_compile
    with warnings.catch_warnings():
        # If operations must be deterministic, Keras warns and leaves XLA off.
        warnings.simplefilter("ignore")
        model.jit_compile = True
    try:
        yield
    finally:
        model.jit_compile = before


def _consists_of_transformers(model):
    """Whether all layers are known to run on XLA, and none is slow on it."""
    layers = all_layers(model)
    return any(isinstance(layer, TransformerBlock) for layer in layers) and all(
        layer.supports_jit
        and (_is_ours(layer) or is_of_keras(layer))
        and (
            not isinstance(layer, _CONVOLUTIONS)
            # The patch embedding of a vision transformer is a matrix product.
            or tuple(layer.kernel_size) == tuple(layer.strides)
        )
        for layer in layers
    )


def _is_ours(layer):
    return type(layer).__module__.startswith("keras_contrastive.")


def _count_steps(arguments):
    """The number of steps in all epochs, `None` or negative if not known."""
    x = arguments.get("x")
    steps = arguments.get("steps_per_epoch")
    rows = count_examples(x)
    if steps is None and rows is not None:
        rows = math.floor(rows * (1 - (arguments.get("validation_split") or 0)))
        steps = math.ceil(rows / (arguments.get("batch_size") or 32))
    elif steps is None and hasattr(x, "cardinality"):
        steps = int(x.cardinality())  # negative if it is infinite or unknown
    elif steps is None:
        try:
            steps = len(x)
        except TypeError:
            return None
    return steps * arguments.get("epochs", 1)
