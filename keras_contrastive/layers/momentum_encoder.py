import math
from typing import Any

import keras
from keras import ops

from keras_contrastive import distribution
from keras_contrastive.trainer.keras_internals import all_layers
from keras_contrastive.trainer.keras_internals import has_adapter
from keras_contrastive.trainer.keras_internals import refresh_normalization
from keras_contrastive.validation import check_layer
from keras_contrastive.validation import check_positive_int
from keras_contrastive.validation import check_probability


@keras.saving.register_keras_serializable(package="keras_contrastive")
class MomentumEncoder(keras.layers.Layer):
    """A teacher: a copy of an encoder whose weights follow it slowly.

    No gradient flows into the copy. `update(source)` moves its weights `t`
    toward the source's weights `s`:

    `t = m t + (1 - m) s`

    The momentum `m` is constant, or rises from `momentum` to 1 along half a
    cosine: after `k` of `K = total_steps` updates

    `m_k = 1 - (1 - momentum) (cos(pi k / K) + 1) / 2`

    The moving statistics of a BatchNormalization are not averaged: the copy has
    its own statistics of its own inputs, and normalizes a training batch by
    that batch, unless that layer of the source is frozen. If layers of the
    source are frozen or unfrozen later, call `follow_trainable(source)` before
    training continues. The weights of the copy are not among a model's
    `trainable_variables`, but they are saved with the model, and are equal on
    all devices.

    Args:
        source: Keras model or layer to copy, by its config and weights. If it
            is not built yet, call `copy_weights(source)` once it is.
        momentum: Float in [0, 1], `m` or its first value. Defaults to 0.99.
        total_steps: Int, the number of updates until `m` is 1. `None`, the
            default, keeps `m` constant.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: The inputs of the source.
        training: Whether the copy runs in training mode.

    Returns:
        The outputs of the copy, as the source returns them, without gradient.

    Raises:
        ValueError: If `momentum` is not in [0, 1], `total_steps` is not a
            positive integer, or the source has no config, which is needed to
            copy it; in `update` and `copy_weights`, if the weights of source
            and copy differ in number or shape; in `follow_trainable`, if the
            source has received LoRA adapters.

    Example:

    ```python
    import keras
    import numpy as np
    import keras_contrastive as kc

    student = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)])
    teacher = kc.layers.MomentumEncoder(student, momentum=0.9)
    student.layers[0].kernel.assign(np.ones((8, 4)))
    teacher.update(student)
    x = np.ones((2, 8), "float32")
    print(teacher(x) - 0.1 * student(x))  # nine tenths of the first weights
    ```

    Reference:
        He et al., 2020, Momentum Contrast for Unsupervised Visual
        Representation Learning, eq. 2; Grill et al., 2020, Bootstrap Your Own
        Latent, section 3.3, for the schedule.
    """

    def __init__(
        self,
        source: keras.Layer,
        momentum: float = 0.99,
        total_steps: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if total_steps is not None:
            total_steps = check_positive_int("total_steps", total_steps)
        self.momentum = check_probability("momentum", momentum)
        self.total_steps = total_steps
        self.num_updates = self.add_weight(
            name="num_updates", dtype="int32", trainable=False
        )
        self.encoder = _copy(source)
        if source.built:
            self.built = True
            self.copy_weights(source)

    def call(self, inputs: Any, training: bool = False) -> Any:
        outputs = self.encoder(inputs, training=training)
        self._freeze()
        return keras.tree.map_structure(ops.stop_gradient, outputs)

    def copy_weights(self, source: keras.Layer) -> None:
        """Sets all weights to the source's, including batch statistics."""
        self.follow_trainable(source)
        for own, other in self._pairs(source):
            # A copy: JAX refuses to donate one buffer twice.
            own.assign(ops.copy(other))
        refresh_normalization(self.encoder)

    def follow_trainable(self, source: keras.Layer) -> None:
        """Sets `trainable` of each layer to that of the source's layer.

        A BatchNormalization that is not trainable normalizes by its moving
        statistics, and the copy must do so where the source does. The weights
        of the copy stay frozen.

        Args:
            source: The layer that was copied.
        """
        own, others = all_layers(self.encoder), all_layers(source)
        if len(own) == len(others):  # else the copy is not built yet
            for layer, other in zip(own, others, strict=True):
                if has_adapter(other) and not has_adapter(layer):
                    raise ValueError(
                        "`source` must have no LoRA adapters that its momentum "
                        f"copy lacks. Received: an adapter in {other.name!r}. "
                        "Call `fine_tuning.merge_lora` first, or train by a "
                        "method without a teacher."
                    )
                layer.trainable = other.trainable
        self._freeze()

    def update(self, source: keras.Layer, is_due: Any = True) -> None:
        """Moves the weights toward the source's trainable weights.

        Args:
            source: The layer that was copied.
            is_due: Boolean or boolean scalar tensor, whether to move them. It
                is false in steps that only accumulate gradients.
        """
        momentum = self.current_momentum()
        variables, values = [], []
        for own, other in self._pairs(source):
            if other.trainable:
                target, follower = (
                    ops.cast(ops.convert_to_tensor(x), "float32")
                    for x in (other, own)
                )
                value = target + momentum * (follower - target)
                variables.append(own)
                if is_due is not True:
                    value = ops.where(is_due, value, follower)
                values.append(ops.cast(value, own.dtype))
        variables.append(self.num_updates)
        count = ops.convert_to_tensor(self.num_updates)
        values.append(count + ops.cast(is_due, "int32"))
        distribution.assign_equal(variables, values)

    def current_momentum(self) -> Any:
        """The momentum of the next update, a float or a float32 scalar."""
        if self.total_steps is None:
            return self.momentum
        updates = ops.cast(ops.convert_to_tensor(self.num_updates), "float32")
        progress = ops.minimum(updates / self.total_steps, 1.0)
        falling = (ops.cos(math.pi * progress) + 1) / 2
        return 1 - (1 - self.momentum) * falling

    def _pairs(self, source):
        own, others = self.encoder.weights, source.weights
        shapes = [[tuple(v.shape) for v in each] for each in (own, others)]
        if shapes[0] != shapes[1]:
            raise ValueError(
                "`source` must have weights of the same shapes as the layer "
                f"that was copied. Received: {source.name!r} with "
                f"{len(others)} weights, where the copy has {len(own)}; both "
                "must be built."
            )
        return zip(own, others, strict=True)

    def _freeze(self):
        # Freezes each weight, not the layers: a BatchNormalization that is not
        # trainable normalizes by its moving statistics.
        for variable in self.encoder.weights:
            variable.trainable = False

    @property
    def trainable(self) -> bool:
        return keras.layers.Layer.trainable.fget(self)

    @trainable.setter
    def trainable(self, value: bool) -> None:
        # Setting `trainable` of a model makes Keras set it for all weights.
        keras.layers.Layer.trainable.fset(self, value)
        self._freeze()

    def compute_output_spec(self, inputs: Any, training: bool = False) -> Any:
        outputs = self.encoder.compute_output_spec(inputs, training=training)
        self._freeze()
        return outputs

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "source": keras.saving.serialize_keras_object(self.encoder),
            "momentum": self.momentum,
            "total_steps": self.total_steps,
        }

    @classmethod
    def from_config(cls, config: dict) -> Any:
        source = keras.saving.deserialize_keras_object(config["source"])
        return cls(**{**config, "source": source})


def _copy(source):
    """A layer with the same config and its own weights."""
    check_layer("source", source)
    try:
        config = keras.saving.serialize_keras_object(source)
        return keras.saving.deserialize_keras_object(config)
    except (TypeError, NotImplementedError) as error:
        raise ValueError(
            "`source` must have a `get_config`, to be copied. Received: "
            f"source={source!r}: {error}"
        ) from error
