from typing import Any

import keras

from keras_contrastive.layers.batch_normalization import BatchNormalization
from keras_contrastive.layers.frozen_sublayers import freeze_sublayers
from keras_contrastive.validation import check_bool
from keras_contrastive.validation import check_positive_int


@keras.saving.register_keras_serializable(package="keras_contrastive")
class ProjectionHead(keras.layers.Layer):
    """The MLP between the representation h and the contrastive loss.

    It is used only in pre-training. It discards information such as color, so
    its input, the representation h, is better than its output z: by more than
    ten points of linear evaluation in the paper.

    With `num_layers=2` it is SimCLR's head, `Dense -> (BatchNorm) -> ReLU ->
    Dense`. With three or more layers it is SimCLRv2's head, in which a
    BatchNorm follows every Dense layer, the last one without offset. A Dense
    layer followed by a BatchNorm has no bias, since the BatchNorm would cancel
    it.

    Args:
        hidden_dim: Int, width of the hidden layers.
        output_dim: Int, dimension of z. Defaults to 128, the papers' choice.
        num_layers: Int, number of Dense layers; 1 is a linear head. Defaults
            to 2.
        use_batch_norm: Whether the hidden layers have a BatchNorm.
        output_batch_norm: Whether the last layer has a BatchNorm. `None`, the
            default, follows the papers: it has one with `use_batch_norm` and
            three or more layers.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Float tensor of shape `(batch, dim)`: representations.
        training: Whether the BatchNorms use and update batch statistics.

    Returns:
        Float tensor of shape `(batch, output_dim)`, not normalized: the losses
        normalize it.

    Raises:
        ValueError: If a size is below 1 or the input is not of rank 2.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    head = kc.layers.ProjectionHead(hidden_dim=64, output_dim=16)
    print(head(np.ones((8, 32))).shape)
    ```

    Reference:
        Chen et al., 2020, A Simple Framework for Contrastive Learning of
        Visual Representations, section 4.2; Chen et al., 2020, Big
        Self-Supervised Models are Strong Semi-Supervised Learners, section 3.
    """

    def __init__(
        self,
        hidden_dim: int,
        output_dim: int = 128,
        num_layers: int = 2,
        use_batch_norm: bool = True,
        output_batch_norm: bool | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        hidden_dim = check_positive_int("hidden_dim", hidden_dim)
        output_dim = check_positive_int("output_dim", output_dim)
        num_layers = check_positive_int("num_layers", num_layers)
        use_batch_norm = check_bool("use_batch_norm", use_batch_norm)
        if output_batch_norm is not None:
            output_batch_norm = check_bool(
                "output_batch_norm", output_batch_norm
            )
        self.supports_masking = True
        self.hidden_dim = hidden_dim
        self.output_dim = output_dim
        self.num_layers = num_layers
        self.use_batch_norm = use_batch_norm
        self.output_batch_norm = output_batch_norm

        self._layers_in_order = []
        for _ in range(num_layers - 1):
            self._add_dense(hidden_dim, batch_norm=use_batch_norm)
            self._layers_in_order.append(
                keras.layers.ReLU(dtype=self.dtype_policy)
            )
        if output_batch_norm is None:
            output_batch_norm = use_batch_norm and num_layers >= 3
        self._add_dense(output_dim, batch_norm=output_batch_norm, center=False)

    def _add_dense(self, units, batch_norm, center=True):
        self._layers_in_order.append(
            keras.layers.Dense(
                units, use_bias=not batch_norm, dtype=self.dtype_policy
            )
        )
        if batch_norm:
            self._layers_in_order.append(
                BatchNormalization(center=center, dtype=self.dtype_policy)
            )

    def build(self, input_shape: Any) -> None:
        if len(input_shape) != 2:
            raise ValueError(
                "`inputs` of a ProjectionHead must be representations of shape "
                "(batch, dim); pool feature maps first, for instance by "
                "keras.layers.GlobalAveragePooling2D. "
                f"Received: inputs.shape={tuple(input_shape)}"
            )
        shape = input_shape
        for layer in self._layers_in_order:
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
        freeze_sublayers(self)

    def call(self, inputs: Any, training: bool = False) -> Any:
        x = inputs
        for layer in self._layers_in_order:
            x = layer(x, training=training)
        return x

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], self.output_dim)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "hidden_dim": self.hidden_dim,
            "output_dim": self.output_dim,
            "num_layers": self.num_layers,
            "use_batch_norm": self.use_batch_norm,
            "output_batch_norm": self.output_batch_norm,
        }
