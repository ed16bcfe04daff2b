from typing import Any

import keras
from keras import ops

from keras_contrastive.matmul import matmul
from keras_contrastive.normalization import l2_normalize
from keras_contrastive.validation import check_positive_int


@keras.saving.register_keras_serializable(package="keras_contrastive")
class Prototypes(keras.layers.Layer):
    """Cosine similarities of embeddings with learned prototypes.

    The score of an embedding z and the prototype k, a column `c_k` of the
    kernel, is

    `score_k = z / |z| . c_k / |c_k|`

    There is no bias. SwAV clusters images by these scores. DINO's head ends in
    the same layer: a weight-normalized linear layer of normalized features.

    Normalization and product are computed in full float32 precision under
    every dtype policy, since the losses divide the scores by temperatures of
    0.05. Use `dtype="float32"` under a policy of mixed precision, or the result
    is rounded.

    Args:
        num_prototypes: Int, number of prototypes. The papers use 3,000 (SwAV)
            and 65,536 (DINO) for ImageNet; a few times the expected number of
            classes is enough.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Float tensor of shape `(batch, dim)`: embeddings.
        frozen: Bool or bool scalar tensor, whether the prototypes receive no
            gradient. Both papers freeze them at the start of training. Defaults
            to `False`.

    Returns:
        Float tensor of shape `(batch, num_prototypes)`, scores in [-1, 1].

    Raises:
        ValueError: If `num_prototypes` is not a positive integer or the input
            is not of rank 2.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    prototypes = kc.layers.Prototypes(16)
    print(prototypes(np.random.normal(size=(8, 32))).shape)  # (8, 16)
    ```

    Reference:
        Caron et al., 2020, Unsupervised Learning of Visual Features by
        Contrasting Cluster Assignments, section 3.1; Caron et al., 2021,
        Emerging Properties in Self-Supervised Vision Transformers, appendix C.
    """

    def __init__(self, num_prototypes: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.num_prototypes = check_positive_int(
            "num_prototypes", num_prototypes
        )

    def build(self, input_shape: Any) -> None:
        if len(input_shape) != 2:
            raise ValueError(
                "`inputs` of Prototypes must be embeddings of shape "
                f"(batch, dim). Received: inputs.shape={tuple(input_shape)}"
            )
        # The columns have a norm near 1, since the gradient is divided by the
        # norm.
        self.kernel = self.add_weight(
            name="kernel",
            shape=(input_shape[-1], self.num_prototypes),
            initializer=keras.initializers.VarianceScaling(
                1.0, "fan_in", "untruncated_normal"
            ),
        )

    def call(self, inputs: Any, frozen: Any = False) -> Any:
        kernel = ops.convert_to_tensor(self.kernel)
        kernel = ops.where(frozen, ops.stop_gradient(kernel), kernel)
        directions = ops.transpose(l2_normalize(ops.transpose(kernel)))
        scores = matmul(l2_normalize(inputs), directions)
        return ops.cast(scores, self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], self.num_prototypes)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_prototypes": self.num_prototypes}
