from typing import Any

import keras
from keras import ops

from keras_contrastive.layers.random_state import RandomState
from keras_contrastive.trainer.keras_internals import set_keras_mask
from keras_contrastive.validation import check_int
from keras_contrastive.validation import check_rate


@keras.saving.register_keras_serializable(package="keras_contrastive")
class PatchDropout(keras.layers.Layer):
    """Keeps a random part of the tokens of each example, in training.

    It keeps `max(1, round((1 - rate) * n))` of `n` tokens in their order,
    different ones in each example, without rescaling. The blocks after it
    process fewer tokens: half the patches of an image take less than half the
    time, for a small loss of accuracy. It must follow the position embedding,
    since the kept tokens lose their positions.

    Args:
        rate: Float in [0, 1), the fraction of the tokens that is dropped.
        num_prefix_tokens: Int, how many tokens at the start, such as a class
            token, are always kept and not counted in `n`. Defaults to 0.
        seed: Integer, or `None` for a random one.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Float tensor of shape `(batch, tokens, dim)`.
        training: Whether to drop tokens. Defaults to `False`.
        mask: Optional boolean tensor of shape `(batch, tokens)`. The output
            has the mask of the kept tokens.

    Returns:
        Float tensor of shape `(batch, kept, dim)`; `inputs` outside of
        training.

    Raises:
        ValueError: If an argument is out of range, or the input is not of rank
            3 with a known number of tokens, more than `num_prefix_tokens`.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    tokens = np.random.rand(2, 1 + 16, 8)
    dropout = kc.layers.PatchDropout(rate=0.5, num_prefix_tokens=1)
    print(dropout(tokens, training=True).shape)  # (2, 1 + 8, 8)
    ```

    Reference:
        Li et al., 2023, Scaling Language-Image Pre-training via Masking, and
        Liu et al., 2023, PatchDropout: Economizing Vision Transformers Using
        Patch Dropout.
    """

    def __init__(
        self,
        rate: float,
        num_prefix_tokens: int = 0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.rate = check_rate("rate", rate)
        self.num_prefix_tokens = check_int(
            "num_prefix_tokens", num_prefix_tokens, 0
        )
        self.seed = seed
        self.random_state = RandomState(seed)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        # An encoder of images of any size is built without a number of tokens.
        if len(input_shape) == 3 and input_shape[1] is None:
            return
        self._check_tokens(input_shape)

    def _check_tokens(self, input_shape):
        if (
            len(input_shape) != 3
            or input_shape[1] is None
            or input_shape[1] <= self.num_prefix_tokens
        ):
            raise ValueError(
                "`inputs` of a PatchDropout must be of shape (batch, tokens, "
                "dim), with a known number of tokens that is greater than "
                f"num_prefix_tokens={self.num_prefix_tokens}. "
                f"Received: inputs.shape={tuple(input_shape)}"
            )

    def call(
        self, inputs: Any, training: bool = False, mask: Any = None
    ) -> Any:
        if not training or self.rate == 0:
            return inputs
        self._check_tokens(inputs.shape)
        prefix = self.num_prefix_tokens
        patches = inputs.shape[1] - prefix
        kept = self._num_kept(patches)
        # The tokens with the highest independent draws are a random subset.
        draws = keras.random.uniform(
            (ops.shape(inputs)[0], patches),
            dtype="float32",
            seed=self.random_state,
        )
        index = prefix + ops.sort(ops.top_k(draws, kept)[1], axis=1)
        chosen = ops.take_along_axis(inputs, index[:, :, None], axis=1)
        outputs = ops.concatenate([inputs[:, :prefix], chosen], axis=1)
        if mask is not None:
            chosen = ops.take_along_axis(mask, index, axis=1)
            mask = ops.concatenate([mask[:, :prefix], chosen], axis=1)
            set_keras_mask(outputs, mask)
        return outputs

    def _num_kept(self, patches):
        return max(1, round((1 - self.rate) * patches))

    def compute_output_spec(
        self, inputs: Any, training: bool = False, mask: Any = None
    ) -> Any:
        batch, tokens, dim = inputs.shape
        if training:
            self._check_tokens(inputs.shape)
            prefix = self.num_prefix_tokens
            tokens = prefix + self._num_kept(tokens - prefix)
        return keras.KerasTensor((batch, tokens, dim), self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> Any:
        # A model is built for inference, where this layer is the identity. The
        # number of tokens in training is not part of its static shapes.
        return input_shape

    def save_own_variables(self, store: Any) -> None:
        self.random_state.save_to(store)

    def load_own_variables(self, store: Any) -> None:
        self.random_state.load_from(store)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "rate": self.rate,
            "num_prefix_tokens": self.num_prefix_tokens,
            "seed": self.seed,
        }
