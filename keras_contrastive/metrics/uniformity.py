"""How evenly embeddings spread over the unit sphere."""

from typing import Any

import keras
from keras import ops

from keras_contrastive import distribution
from keras_contrastive.matmul import matmul
from keras_contrastive.metrics.views import check_views
from keras_contrastive.metrics.views import fold_similarities
from keras_contrastive.metrics.views import own_rows
from keras_contrastive.metrics.views import weight_of_each
from keras_contrastive.normalization import l2_normalize


@keras.saving.register_keras_serializable(package="keras_contrastive")
class Uniformity(keras.metrics.Mean):
    """Logarithm of the mean Gaussian potential between different images.

    `uniformity = log E exp(-2 ||z_i - z_j||^2)`, of L2-normalized embeddings,
    in float32, over the pairs `i != j` within a view of a batch, for both
    views.

    It is 0 if all embeddings coincide (collapse), and falls toward -4 as
    they spread over a sphere of many dimensions. Lower is better.

    Pairs are formed within a batch. Over several batches, each embedding's
    potential is computed in its own batch, and the metric is the logarithm of
    the mean over all embeddings. This mean is an unbiased estimate of the
    expectation at any batch size. A batch of one has no pairs and adds nothing.

    Args:
        name: Name of the metric.
        dtype: Dtype of the accumulators; `None` is `keras.config.floatx()`.

    Call arguments:
        z_a: Embeddings of the first view, shape `(B, dim)`. They need not be
            normalized.
        z_b: Embeddings of the second view, shape `(B, dim)`.
        sample_weight: Optional weights of the examples, shape `(B,)`, or one
            number.

    Raises:
        ValueError: If `z_a` and `z_b` are not matrices of the same shape, or
            `sample_weight` is not one number per example.

    Example:

    ```python
    import numpy as np
    from keras_contrastive.metrics import Uniformity

    z = np.random.default_rng(0).standard_normal((256, 64))
    uniformity = Uniformity()
    uniformity.update_state(z, z)
    print(float(uniformity.result()))  # about -3.9
    ```

    Reference:
        - [Wang and Isola, 2020](https://arxiv.org/abs/2005.10242), section 4
    """

    def __init__(self, name: str | None = "uniformity", dtype: Any = None):
        super().__init__(name=name, dtype=dtype)

    def update_state(
        self, z_a: Any, z_b: Any, sample_weight: Any = None
    ) -> None:
        z_a, z_b = l2_normalize(z_a), l2_normalize(z_b)
        check_views(z_a, z_b)
        weight = weight_of_each(sample_weight, z_a)
        all_weights = distribution.all_gather(weight)
        other_weight = ops.sum(all_weights) - weight
        # Negated, so that NaN weights give NaN.
        has_pairs = ops.logical_not(other_weight <= 0)
        for z in (z_a, z_b):
            potential = _potential(z, all_weights) / ops.where(
                has_pairs, other_weight, 1.0
            )
            super().update_state(potential, ops.where(has_pairs, weight, 0.0))

    def result(self) -> Any:
        mean = super().result()
        # Without any pairs the mean is 0. That of NaN embeddings is NaN.
        mean = ops.where(mean <= 0, 1.0, mean)
        return ops.cast(ops.log(mean), self.dtype)


def _potential(z, weight):
    """Sums `weight_j exp(-2 ||z_i - z_j||^2)` over all rows `j` except `i`."""
    keys = distribution.all_gather(z)
    # Zero vectors stay zero when normalized, so the norms are not all 1.
    norms = ops.sum(ops.square(z), axis=1)[:, None]
    key_norms = ops.sum(ops.square(keys), axis=1)

    def add(total, similarities, key_index):
        key_norm = ops.take(key_norms, key_index)
        squared_distance = norms + key_norm - 2 * similarities
        kernel = ops.exp(-2 * squared_distance)
        return total + matmul(kernel, ops.take(weight, key_index))

    nothing = ops.zeros_like(norms[:, 0])
    return fold_similarities(add, nothing, z, keys, excluded=own_rows(z))
