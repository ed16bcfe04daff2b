"""Alignment: how close the two views of an image are."""

from typing import Any

import keras
from keras import ops

from keras_contrastive.metrics.views import check_views
from keras_contrastive.metrics.views import weight_of_each
from keras_contrastive.normalization import l2_normalize


@keras.saving.register_keras_serializable(package="keras_contrastive")
class Alignment(keras.metrics.Mean):
    """Mean squared distance between the views of an image on the unit sphere.

    `alignment = E ||z_a - z_b||^2`, of L2-normalized embeddings, in float32.

    It lies between 0 (views coincide) and 4; about 2 means that views have
    nothing in common. Lower is better, but collapsed embeddings reach 0 as
    well: read it together with `Uniformity`. Over several batches it is the
    mean over all pairs.

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
    from keras_contrastive.metrics import Alignment

    alignment = Alignment()
    alignment.update_state(np.array([[1.0, 0.0]]), np.array([[0.0, 3.0]]))
    print(float(alignment.result()))  # 2.0
    ```

    Reference:
        - [Wang and Isola, 2020](https://arxiv.org/abs/2005.10242), section 4
    """

    def __init__(self, name: str | None = "alignment", dtype: Any = None):
        super().__init__(name=name, dtype=dtype)

    def update_state(
        self, z_a: Any, z_b: Any, sample_weight: Any = None
    ) -> None:
        z_a, z_b = l2_normalize(z_a), l2_normalize(z_b)
        check_views(z_a, z_b)
        weight = weight_of_each(sample_weight, z_a)
        squared_distance = ops.sum(ops.square(z_a - z_b), axis=-1)
        return super().update_state(squared_distance, weight)
