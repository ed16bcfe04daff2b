"""How many dimensions the embeddings use, as a streaming metric (RankMe)."""

import math
from typing import Any

import keras
from keras import ops

from keras_contrastive.matmul import matmul
from keras_contrastive.metrics.views import check_views
from keras_contrastive.metrics.views import weight_of_each
from keras_contrastive.validation import check_positive_int

# Eigenvalues below this fraction of the largest are rounding noise in float32.
# Otherwise their roots, the singular values, would add up over the dimensions.
RELATIVE_NOISE = 1e-6


@keras.saving.register_keras_serializable(package="keras_contrastive")
class EffectiveRank(keras.metrics.Metric):
    """Exponential of the entropy of the embeddings' singular values.

    With the singular values `s` of the matrix of all embeddings since the
    last reset, of both views, neither centered nor normalized,

    `p = s / sum(s)`, `effective_rank = exp(-sum(p * log(p)))`

    It lies between 1, if all embeddings are multiples of one another
    (collapse), and `dim`, if every direction is used equally; it is 0 if they
    are all zero. A value that stays far below `dim` indicates dimensional
    collapse. Among runs on the same data, a higher value tends to go with a
    better linear probe.

    The metric accumulates the `dim x dim` matrix of second moments, whose
    eigenvalues are the squares of `s`, so several batches count as one large
    batch. Note:

    - The rank cannot exceed the number of embeddings: the value describes the
      network only after several times `dim` embeddings.
    - Singular values below a thousandth of the largest are beyond float32 and
      count as zero. `evaluation.effective_rank` has no such limit.
    - `fit` computes the result, one eigendecomposition, at every step. That is
      cheap for projections (`dim` about 128); for representations of 2048
      dimensions, call `evaluation.effective_rank` occasionally.

    Args:
        dim: Dimension of the embeddings. `None` takes it from the first update;
            set it if the state must exist before the first update
            (`stateless_update_state` on JAX).
        name: Name of the metric.
        dtype: Dtype of the result; `None` is `keras.config.floatx()`. The
            moments are float32.

    Call arguments:
        z_a: Embeddings of the first view, shape `(B, dim)`.
        z_b: Embeddings of the second view, shape `(B, dim)`.
        sample_weight: Optional weights of the examples, shape `(B,)`, or one
            number.

    Raises:
        ValueError: If `z_a` and `z_b` are not matrices of the same shape and
            of width `dim`, or `sample_weight` is not one number per example.

    Example:

    ```python
    import numpy as np
    from keras_contrastive.metrics import EffectiveRank

    z = np.random.default_rng(0).standard_normal((1000, 16))
    rank = EffectiveRank()
    rank.update_state(z, z)
    print(float(rank.result()))  # nearly 16
    rank.reset_state()
    rank.update_state(z[:, :1] * np.ones(16), z[:, :1] * np.ones(16))
    print(float(rank.result()))  # 1.0
    ```

    Reference:
        - [Garrido et al., 2023](https://arxiv.org/abs/2210.02885), section 3
    """

    def __init__(
        self,
        dim: int | None = None,
        name: str | None = "effective_rank",
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=dtype)
        if dim is not None:
            dim = check_positive_int("dim", dim)
        self.dim = dim
        self.second_moment: Any = None
        if dim is not None:
            self._build(dim)

    def _build(self, dim):
        self.second_moment = self.add_weight(
            shape=(dim, dim),
            initializer="zeros",
            dtype="float32",
            name="second_moment",
        )

    def update_state(
        self, z_a: Any, z_b: Any, sample_weight: Any = None
    ) -> None:
        z_a = ops.cast(z_a, "float32")
        z_b = ops.cast(z_b, "float32")
        check_views(z_a, z_b)
        if self.second_moment is None:
            self._build(z_a.shape[1])
        width = self.second_moment.shape[0]
        if z_a.shape[1] != width:
            raise ValueError(
                f"`z_a` and `z_b` must have width {width}. "
                f"Received shapes {tuple(z_a.shape)} and {tuple(z_b.shape)}."
            )
        weight = weight_of_each(sample_weight, z_a)[:, None]
        for z in (z_a, z_b):
            self.second_moment.assign_add(matmul(ops.transpose(z), z * weight))

    def result(self) -> Any:
        if self.second_moment is None:
            return ops.zeros((), dtype=self.dtype)
        moment = ops.convert_to_tensor(self.second_moment)
        # PyTorch raises on a matrix with NaN. The run has failed, but reporting
        # that is the task of `TerminateOnNaN`.
        is_finite = ops.all(ops.isfinite(moment))
        moment = ops.where(is_finite, moment, 0.0)
        eigenvalues, _ = ops.linalg.eigh(moment)
        largest = ops.max(eigenvalues)
        is_signal = eigenvalues > RELATIVE_NOISE * largest
        s = ops.sqrt(ops.where(is_signal, eigenvalues, 0.0))
        total = ops.sum(s)
        p = s / ops.where(total > 0, total, 1.0)
        entropy = -ops.sum(p * ops.log(ops.where(p > 0, p, 1.0)))
        rank = ops.where(total > 0, ops.exp(entropy), 0.0)
        return ops.cast(ops.where(is_finite, rank, math.nan), self.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "dim": self.dim}
