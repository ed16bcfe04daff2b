from typing import Any

import keras
import numpy as np
from keras import ops

from keras_contrastive import distribution
from keras_contrastive.data_validation import check_ids
from keras_contrastive.data_validation import is_text
from keras_contrastive.losses.contrastive_loss import ContrastiveLoss
from keras_contrastive.losses.embedding_loss import check_embeddings
from keras_contrastive.losses.info_nce import multi_positive_info_nce
from keras_contrastive.normalization import l2_normalize
from keras_contrastive.validation import check_choice


@keras.saving.register_keras_serializable(package="keras_contrastive")
class SupConLoss(ContrastiveLoss):
    """Supervised contrastive loss: examples of a class attract each other.

    The positives `P(i)` of an example are the others with its label or, for
    sets of labels, the others that share at least one label with it. With the
    softmax of the cosine similarities over all other examples,
    `p_ip = exp(sim(i, p) / t) / sum_{a != i} exp(sim(i, a) / t)`:

    `L_out_i = -1/|P(i)| sum_{p in P(i)} log p_ip`
    `L_in_i  = -log(1/|P(i)| sum_{p in P(i)} p_ip)`

    The loss is their mean over the batch. An example that is alone in its class
    has no positive. Its loss is 0, but it is still a negative for all others.
    (The factor `temperature / base_temperature` is left out, as in the paper's
    equations.)

    It has the signature of a Keras loss of labels and predictions, so any
    Keras model that outputs embeddings can be compiled with it. For two views
    of each image, pass both: `loss(concatenate([labels, labels]),
    concatenate([z_a, z_b]))`.

    Embeddings need not be normalized. The computation is in float32.

    Args:
        temperature: Positive number `t`. Defaults to 0.1, the paper's.
        form: `"out"` for `L_out`, the better one and the default, or `"in"`
            for `L_in`.
        block_size: Int, how many keys are compared at once, or `None`, the
            default, to choose it automatically. Memory is linear in it and in
            the batch size; the value of the loss does not depend on it.
        gather: Whether to contrast with the embeddings of all replicas, so
            that the loss over many devices equals that of one device on the
            whole batch. Defaults to `True`.
        name: Name of the loss.
        reduction: Keras reduction of the losses per example.

    Call arguments:
        labels: Int tensor of shape `(batch,)`; or a tensor of 0 and 1 of shape
            `(batch, classes)`, with at least two classes: the set of labels of
            each example, which may be empty.
        embeddings: Float tensor of shape `(batch, dim)`.
        sample_weight: Optional float tensor of shape `(batch,)`.

    Returns:
        A scalar; with `reduction=None` one loss per example, shape `(batch,)`.

    Raises:
        ValueError: If `temperature` or `block_size` is not positive, `form`
            unknown, the embeddings are not of rank 2, or `labels` does not hold
            one integer, or one row of 0 and 1, per example.

    Example:

    ```python
    import keras
    import numpy as np
    import keras_contrastive as kc

    labels = np.arange(32) % 4
    x = np.eye(4)[labels] + 0.1 * np.random.normal(size=(32, 4))
    model = keras.Sequential([keras.layers.Dense(8)])
    model.compile("adam", kc.losses.SupConLoss())
    model.fit(x, labels, verbose=0)
    ```

    Reference:
        Khosla et al., 2020, Supervised Contrastive Learning, eq. 2 and 3.
    """

    def __init__(
        self,
        temperature: float = 0.1,
        form: str = "out",
        block_size: int | None = None,
        gather: bool = True,
        name: str | None = "supcon_loss",
        reduction: str | None = "sum_over_batch_size",
    ):
        check_choice("form", form, _AVERAGES)
        super().__init__(temperature, block_size, gather, name, reduction)
        self.form = form

    def __call__(self, y_true, y_pred, sample_weight=None, **kwargs):
        # Converted here, since the conversion to tensors would round them.
        y_true = class_labels(y_true)
        return super().__call__(y_true, y_pred, sample_weight, **kwargs)

    def call(self, labels: Any, embeddings: Any) -> Any:
        check_embeddings("embeddings", embeddings.shape)
        # Keras turns arrays of labels into a column.
        if len(labels.shape) == 2 and labels.shape[1] == 1:
            labels = labels[:, 0]
        _check_shape(labels, embeddings.shape[0])
        if len(labels.shape) == 2:
            labels = ops.cast(labels, "float32")
        queries = keys = l2_normalize(embeddings)
        key_labels = labels
        n = ops.shape(queries)[0]
        own = ops.arange(n, dtype="int32")
        if self.gather:
            keys = distribution.all_gather(queries)
            key_labels = distribution.all_gather(labels)
            own = own + n * distribution.replica_index()
        return multi_positive_info_nce(
            queries,
            keys,
            labels,
            key_labels,
            1 / self.temperature,
            excluded=own,
            average=_AVERAGES[self.form],
            block_size=self.block_size,
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "form": self.form}


def _check_shape(labels, batch_size):
    """Raises unless `labels` is `(batch,)` or `(batch, classes)`."""
    shape = tuple(labels.shape)
    rows = shape[0] if shape else None
    # A column of unknown width might hold integers.
    is_set = len(shape) == 2 and shape[1] is not None
    is_other_size = bool(rows and batch_size) and rows != batch_size
    if is_other_size or not (len(shape) == 1 or is_set):
        raise ValueError(
            "`labels` must hold one integer per example, shape "
            f"({batch_size},), or one row of 0 and 1 per example, shape "
            f"({batch_size}, classes). Received: labels.shape={shape}"
        )


def class_labels(labels):
    """Labels from an array or list as integers, sets of labels as floats.

    Raises:
        ValueError: If they are neither integers nor rows of 0 and 1.
    """
    if not isinstance(labels, (np.ndarray, list, tuple)):
        return labels
    labels = np.asarray(labels)
    if is_text(labels):
        raise ValueError(
            "`labels` must be integers. Turn names into them with "
            "np.unique(names, return_inverse=True)[1]. Received: labels of "
            f"dtype {labels.dtype}"
        )
    if labels.ndim == 2 and labels.shape[1] > 1:
        if not np.isin(labels, (0, 1)).all():
            raise ValueError(
                "`labels` of shape (batch, classes) must be sets of labels, "
                "rows of 0 and 1. Received: labels that span "
                f"[{labels.min()}, {labels.max()}], labels.shape={labels.shape}"
            )
        return labels.astype("float32")
    if labels.dtype.kind in "iu":
        check_ids("labels", labels.reshape(-1))
        return labels
    with np.errstate(invalid="ignore"):  # NaN and numbers that are too large
        whole = labels.astype("int32")
    if not (whole == labels).all():
        raise ValueError(
            "`labels` must be integers. Received: labels of dtype "
            f"{labels.dtype} such as {labels[whole != labels][:3]}"
        )
    return whole


_AVERAGES = {"out": "log", "in": "likelihood"}
