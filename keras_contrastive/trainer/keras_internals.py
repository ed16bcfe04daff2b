"""The private names of Keras that the package uses.

Each was checked in Keras 3.15.0 and 3.15.1, and in the source of 3.16. No
other module imports private names of Keras or reads them from another object
(`tests/trainer/test_keras_internals.py`); layers use a few that they inherit.
"""

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

import keras

# Runs a function on tensors without values.
from keras.src.backend import compute_output_spec as compute_output_spec

# Attaches a mask to a tensor inside `call`, as Keras' own `Masking` does. A
# layer that keeps different tokens in each call cannot use `compute_mask`.
# Keras 3.16 has it under this path only.
from keras.src.backend.common.masking import set_keras_mask as set_keras_mask
from keras.src.layers.preprocessing.data_layer import DataLayer as DataLayer

# Returns the operations of the backend that owns a tensor.
from keras.src.utils.backend_utils import DynamicBackend as DynamicBackend
from keras.src.utils.backend_utils import in_tf_graph as in_tf_graph
from keras.src.utils.jax_utils import (
    is_in_jax_tracing_scope as is_in_jax_tracing_scope,
)

# Keras 3.16 sums metrics over torch.distributed by itself.
KERAS_SUMS_METRICS = hasattr(keras.Model, "_initialize_ddp")

# The argument of `evaluate` that only `fit` passes, for its validation.
VALIDATION = "_use_cached_eval_dataset"

_STATE_GROUPS = (
    "trainable_variables",
    "non_trainable_variables",
    "optimizer_variables",
    "metrics_variables",
)


class HookedModel(keras.Model):
    """A `keras.Model` that completes some private hooks of Keras."""

    def _get_jax_state(self, purge_model_variables=False, **groups):
        # Keras removes the values from the variables before the first step
        # and restores those that the last step returned. If the first step
        # fails, it has returned none, and `jax_state_sync` restores the values
        # that are kept here.
        state = super()._get_jax_state(
            purge_model_variables=purge_model_variables, **groups
        )
        if purge_model_variables:
            names = [name for name in _STATE_GROUPS if groups.get(name)]
            self._jax_state = dict(zip(names, state, strict=True))
        return state

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        # Only TensorFlow's trainer has this method. It builds the model on the
        # mean of the replicas' batches, which fails with several workers.
        first_batch = self.first_replica_batch(iterator)
        if first_batch is not None:
            iterator, data_batch = None, first_batch
        super()._maybe_symbolic_build(iterator, data_batch)

    def _symbolic_build(self, iterator=None, data_batch=None):
        # Keras builds only the metrics that its own `compile` received. It does
        # not receive those of `ContrastiveModel.compile`.
        needs_metrics = self.needs_metrics_built()
        if needs_metrics and data_batch is None:
            data_batch = _first_batch(iterator)
        super()._symbolic_build(iterator, data_batch)
        if needs_metrics:
            shapes = keras.tree.map_structure(_shape_of, data_batch)
            compute_output_spec(self.build_metrics, shapes)

    def needs_metrics_built(self) -> bool:
        """Whether metrics may create variables when they are first updated."""
        return False

    def build_metrics(self, data: Any) -> None:
        """Updates the metrics once, with tensors that only have a shape."""

    def first_replica_batch(self, iterator: Any) -> Any:
        """The batch to build the model on, `None` to let Keras choose."""


def _first_batch(iterator):
    """The first batch of Keras' iterator of an epoch."""
    for _, _, batches in iterator:
        return (
            batches[0] if isinstance(batches, (list, tuple)) else next(batches)
        )


def _shape_of(tensor):
    if tensor is None:
        return None
    dtype = keras.backend.standardize_dtype(tensor.dtype)
    return keras.KerasTensor(tuple(tensor.shape), dtype)


def restore_state(model: keras.Model) -> None:
    """Restores, on JAX, the values from before a failed step."""
    if keras.backend.backend() == "jax":
        model.jax_state_sync()


def symbolic_build(model: keras.Model, data_batch: Any) -> None:
    """Builds, on a batch, everything that the first step would build."""
    model._symbolic_build(data_batch=data_batch)


def step_counter(optimizer: keras.optimizers.Optimizer) -> Any:
    """The variable that counts the steps of an optimizer.

    `optimizer.iterations` counts updates. With `gradient_accumulation_steps` it
    is not a variable.
    """
    return getattr(optimizer, "inner_optimizer", optimizer)._iterations


def set_initial_epoch(model: keras.Model, epoch: int | None) -> None:
    """Sets the first epoch of `fit`; `None` uses its `initial_epoch`."""
    model._initial_epoch = epoch


def loss_tracker(model: keras.Model) -> keras.metrics.Mean:
    """The metric behind `logs["loss"]`."""
    return model._loss_tracker


def layer_losses(model: keras.Model) -> list[Any]:
    """Regularization losses and `add_loss` losses of layers, as scalars."""
    return [model._aggregate_additional_loss(loss) for loss in model.losses]


def clear_losses(model: keras.Model) -> None:
    """Clears the losses that the layers added in earlier calls."""
    model._clear_losses()


def all_layers(model: keras.Model) -> list[Any]:
    """The model and all of its layers, nested ones too."""
    return model._flatten_layers()


def refresh_normalization(model: keras.Layer) -> None:
    """Has `keras.layers.Normalization` compute with its current weights.

    It computes with copies that Keras renews when a file is loaded, but not
    when the weights are assigned.
    """
    for layer in all_layers(model):
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()


def own_trainable(layer: keras.Layer) -> list[Any]:
    """The weights that a layer created as trainable, even if now frozen."""
    return layer._trainable_variables


def is_of_keras(layer: Any) -> bool:
    """Whether Keras defines the layer, other than for preprocessing."""
    module = type(layer).__module__
    return module.startswith(
        ("keras.src.layers.", "keras.src.models.")
    ) and not module.startswith("keras.src.layers.preprocessing.")


def has_all_weights(model: keras.Model) -> bool:
    """Whether each layer is built, or its `build` cannot create weights."""
    return all(
        layer.built or type(layer).build is keras.Layer.build
        for layer in all_layers(model)
    )


def layers_with_losses(model: keras.Model) -> list[Any]:
    """The layers that added a loss, apart from regularizers of weights."""
    return [layer for layer in all_layers(model) if layer._get_own_losses()]


def replace_layer(parent: keras.Layer, name: str, layer: keras.Layer) -> None:
    """Replaces a layer attribute, even if the parent is already built.

    The new layer takes the position of the old one among the parent's layers,
    because files hold the optimizer's variables in the order of the layers.
    """
    tracker = parent._tracker
    is_locked, message = tracker.locked, tracker._lock_violation_msg
    tracker.unlock()
    before = getattr(parent, name)
    place = parent._layers.index(before)
    tracker.untrack(before)
    setattr(parent, name, layer)
    parent._layers.insert(place, parent._layers.pop())
    if is_locked:
        tracker.lock(message)


def has_adapter(layer: keras.Layer) -> bool:
    """Whether a layer has a LoRA adapter, `layer.enable_lora`."""
    return getattr(layer, "lora_enabled", False)


def remove_adapter(layer: keras.Layer) -> None:
    """Adds a layer's LoRA adapter to its kernel, and removes the adapter."""
    name = "embeddings" if hasattr(layer, "_embeddings") else "kernel"
    getattr(layer, f"_{name}").assign(getattr(layer, name))
    layer._tracker.unlock()
    for part in (f"lora_{name}_a", f"lora_{name}_b"):
        variable = getattr(layer, part)
        # A function that TensorFlow traced earlier still adds their product.
        variable.assign(keras.ops.zeros(variable.shape, variable.dtype))
        layer._untrack_variable(variable)
        # Not by `delattr`: Keras' own collects all garbage of the process for
        # each variable, which may take seconds.
        super(keras.Layer, layer).__delattr__(part)
    layer._tracker.lock()
    layer.lora_enabled, layer.lora_rank, layer.lora_alpha = False, None, None


def clear_functions(model: keras.Layer) -> None:
    """Makes a model and its nested models trace their steps again."""
    for layer in all_layers(model):
        if isinstance(layer, keras.Model):
            layer.train_function = None
            layer.test_function = None
            layer.predict_function = None


def seed_generators(layer: keras.Layer) -> list[Any]:
    """The random states that a layer holds itself."""
    return getattr(layer, "_seed_generators", [])


def is_private_module(name: str) -> bool:
    """Whether a config's class path exists on this backend only."""
    return name.startswith("keras.src.backend.")


def interpolate_positions(layer: Any, positions: Any, **sizes: Any) -> Any:
    """Position embeddings, resized by a `DINOV2Embedding` of keras-hub."""
    return layer._interpolate_position_embeddings(positions, **sizes)


def leave_undecayed(optimizer: Any, variables: list) -> None:
    """Adds `variables` to those excluded from the optimizer's weight decay.

    `Optimizer.exclude_from_weight_decay` forgets earlier exclusions.
    """
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    known: set = getattr(optimizer, "_exclude_from_weight_decay", set())
    pattern = getattr(optimizer, "_exclude_from_weight_decay_pattern", None)
    optimizer.exclude_from_weight_decay(var_list=list(variables))
    optimizer._exclude_from_weight_decay.update(known)
    optimizer._exclude_from_weight_decay_pattern = pattern


def is_decayed(optimizer: Any, variable: Any) -> bool:
    """Whether the optimizer's weight decay applies to the variable."""
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    # From Keras 3.16 `_use_weight_decay` needs an optimizer that is built.
    if hasattr(optimizer, "_is_excluded_from_weight_decay"):
        return not optimizer._is_excluded_from_weight_decay(variable)
    return optimizer._use_weight_decay(variable)


def compute_dtypes(model: keras.Model) -> set[str]:
    """The compute dtypes of a model's layers, nested ones too."""
    return {layer.compute_dtype for layer in all_layers(model)}


@contextlib.contextmanager
def jit_options(options: dict[str, Any]) -> Iterator[None]:
    """A context in which Keras compiles JAX steps with XLA options.

    Args:
        options: The `compiler_options` of `jax.jit`.
    """
    from keras.src.backend.jax import trainer

    jit = trainer.jit
    trainer.jit = functools.partial(jit, compiler_options=options)
    try:
        yield
    finally:
        trainer.jit = jit
