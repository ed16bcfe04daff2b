from typing import Any

import keras
import numpy as np
from keras import ops

from keras_contrastive.losses.batch_loss import BatchLoss
from keras_contrastive.losses.characteristic_function import (
    characteristic_function,
)
from keras_contrastive.losses.embedding_loss import check_embedding_pair
from keras_contrastive.losses.embedding_loss import check_embeddings
from keras_contrastive.losses.random_directions import random_directions
from keras_contrastive.validation import check_int
from keras_contrastive.validation import check_positive
from keras_contrastive.validation import check_positive_int
from keras_contrastive.validation import check_probability


@keras.saving.register_keras_serializable(package="keras_contrastive")
class LeJEPALoss(BatchLoss):
    """LeJEPA: several views agree, and embeddings are Gaussian (SIGReg).

    There are no negatives, no teacher and no stop-gradient. For embeddings
    `z_vn` of `V` views of `N` images, and one weight `w`:

    `L = (1 - w) 1/(V N d) sum_vn |z_vn - c_n|^2 + w/V sum_v SIGReg(z_v)`

    `c_n` is the mean of the views of image `n`. SIGReg (sketched isotropic
    Gaussian regularization) prevents collapse: it projects the `N` embeddings
    of a view onto `M` random directions `a_m` and compares the empirical
    characteristic function of each projection with that of the normal
    distribution, by the test of Epps and Pulley:

    `SIGReg = N/M sum_m integral |1/N sum_n exp(i t <a_m, z_n>)
              - exp(-t^2 / 2)|^2 exp(-t^2 / 2) dt`

    The trapezoidal rule approximates the integral from `-max_frequency` to
    `max_frequency`. Embeddings are not normalized: the loss itself drives them
    to mean 0 and variance 1.

    The directions depend only on the number of the step. They are equal on all
    devices, and a resumed run draws the same directions as an uninterrupted
    one. `SimCLRModel` passes the number, `optimizer.iterations`. Without it,
    each call has the same directions.

    The computation is in float32. Memory is linear in `V N M` for any number of
    points.

    Args:
        regularization_weight: Number `w` in [0, 1]. Defaults to 0.05, the
            paper's.
        num_slices: Int, the number `M` of directions. Defaults to 1024, the
            paper's.
        num_points: Int, at least 2: number of points of the integral from 0 to
            `max_frequency`; its other half is the same. Defaults to 17.
        max_frequency: Positive number, the limit of the integral. Defaults to
            3.
        num_global_views: Int, the number of first views that the mean `c_n` is
            taken over. `None`, the default, uses all views. The paper uses the
            views of large crops.
        gather: Whether the characteristic functions are those of all replicas,
            so that the loss over many devices equals that of one device on the
            whole batch. Defaults to `True`.
        name: Name of the loss.
        reduction: Keras reduction of the losses per image.

    Call arguments:
        *views: Two or more float tensors of shape `(batch, dim)`, one for each
            view; row i of each belongs to image i.
        step: Int or int tensor, the number of the step. Defaults to 0.

    Returns:
        A scalar; with `reduction=None` one loss per image, shape `(batch,)`:
        its own distances, and the SIGReg of the batch.

    Raises:
        ValueError: If an argument is out of its range, if there are fewer views
            than 2 or than `num_global_views`, if they are not of rank 2 and of
            the same shape, or if there is a `sample_weight`.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    views = np.random.normal(size=(3, 32, 16))
    loss = kc.losses.LeJEPALoss()
    print(float(loss(*views, step=7)))
    ```

    Reference:
        Balestriero and LeCun, 2025, LeJEPA: Provable and Scalable
        Self-Supervised Learning Without the Heuristics, sections 4 and 5. The
        mean over the `d` dimensions follows the authors' code.
    """

    def __init__(
        self,
        regularization_weight: float = 0.05,
        num_slices: int = 1024,
        num_points: int = 17,
        max_frequency: float = 3.0,
        num_global_views: int | None = None,
        gather: bool = True,
        name: str | None = "lejepa_loss",
        reduction: str | None = "sum_over_batch_size",
    ):
        if num_global_views is not None:
            num_global_views = check_positive_int(
                "num_global_views", num_global_views
            )
        super().__init__(gather, name, reduction)
        self.regularization_weight = check_probability(
            "regularization_weight", regularization_weight
        )
        self.num_slices = check_positive_int("num_slices", num_slices)
        self.num_points = check_int("num_points", num_points, 2)
        self.max_frequency = check_positive("max_frequency", max_frequency)
        self.num_global_views = num_global_views

    def __call__(self, *views, step=0, sample_weight=None):
        return self._reduced(views, sample_weight, {"step": step})

    def call(self, *views: Any, step: Any = 0) -> Any:
        self._check(views)
        z = ops.cast(ops.stack(views), "float32")
        center = ops.mean(z[: self.num_global_views], axis=0)
        distances = ops.mean(ops.square(z - center), axis=(0, 2))
        weight = self.regularization_weight
        return (1 - weight) * distances + weight * self._sigreg(z, step)

    def _check(self, views):
        fewest = max(2, self.num_global_views or 0)
        if len(views) < fewest:
            raise ValueError(
                f"`views` must be at least {fewest} tensors, one for each "
                f"view. Received: {len(views)}"
            )
        check_embeddings("views[0]", views[0].shape)
        for i, view in enumerate(views):
            check_embedding_pair(views[0], view, ("views[0]", f"views[{i}]"))

    def _sigreg(self, z, step):
        """The mean SIGReg of the views `(V, batch, dim)`, a scalar."""
        spacing = self.max_frequency / (self.num_points - 1)
        directions = random_directions(z.shape[2], self.num_slices, step)
        empirical = self._over_replicas(
            characteristic_function(z, directions, spacing, self.num_points)
        )
        t = spacing * np.arange(self.num_points)
        gaussian = np.exp(-(t**2) / 2)
        # The trapezoidal rule, twice for the two halves of the integral.
        weights = np.full(self.num_points, 2 * spacing)
        weights[[0, -1]] = spacing
        gaussian, weights = (
            ops.convert_to_tensor(x[:, None, None], dtype="float32")
            for x in (gaussian, weights * gaussian)
        )
        error = ops.square(empirical[0] - gaussian) + ops.square(empirical[1])
        n = ops.cast(self._batch_size(z[0]), "float32")
        return n * ops.mean(ops.sum(weights * error, axis=0))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "regularization_weight": self.regularization_weight,
            "num_slices": self.num_slices,
            "num_points": self.num_points,
            "max_frequency": self.max_frequency,
            "num_global_views": self.num_global_views,
        }
