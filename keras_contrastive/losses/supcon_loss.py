from typing import Any

import keras
import numpy as np
from keras import ops

from keras_contrastive import distribution
from keras_contrastive.losses.contrastive_loss import ContrastiveLoss
from keras_contrastive.losses.embedding_loss import check_embeddings
from keras_contrastive.losses.embedding_loss import check_one_per_example
from keras_contrastive.losses.info_nce import multi_positive_info_nce
from keras_contrastive.normalization import l2_normalize
from keras_contrastive.validation import check_ids
from keras_contrastive.validation import is_text


@keras.saving.register_keras_serializable(package="keras_contrastive")
class SupConLoss(ContrastiveLoss):
    """Supervised contrastive loss: examples of a class attract each other.

    The positives `P(i)` of an example are the others with its label. With the
    softmax of the cosine similarities over all other examples,
    `p_ip = exp(sim(i, p) / t) / sum_{a != i} exp(sim(i, a) / t)`:

    `L_out_i = -1/|P(i)| sum_{p in P(i)} log p_ip`
    `L_in_i  = -log(1/|P(i)| sum_{p in P(i)} p_ip)`

    The loss is their mean over the batch. An example that is alone in its
    class has no positive: its loss is 0, but it is still a negative of all
    others. (The factor `temperature / base_temperature` is left out, as in the
    paper's equations.)

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
        labels: Int tensor of shape `(batch,)`.
        embeddings: Float tensor of shape `(batch, dim)`.
        sample_weight: Optional float tensor of shape `(batch,)`.

    Returns:
        A scalar; with `reduction=None` one loss per example, shape `(batch,)`.

    Raises:
        ValueError: If `temperature` or `block_size` is not positive, `form`
            unknown, the embeddings are not of rank 2, or `labels` does not hold
            one integer per example.

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
        if form not in _AVERAGES:
            raise ValueError(
                f"`form` must be 'out' or 'in'. Received: form={form!r}"
            )
        super().__init__(temperature, block_size, gather, name, reduction)
        self.form = form

    def __call__(self, y_true, y_pred, sample_weight=None, **kwargs):
        # Before the conversion to tensors, which would round the labels.
        y_true = _whole(y_true)
        return super().__call__(y_true, y_pred, sample_weight, **kwargs)

    def call(self, labels: Any, embeddings: Any) -> Any:
        check_embeddings("embeddings", embeddings.shape)
        # Keras turns labels from arrays into a column.
        if len(labels.shape) == 2 and labels.shape[1] == 1:
            labels = labels[:, 0]
        check_one_per_example("labels", labels, embeddings.shape[0])
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


def _whole(labels):
    """Converts labels from an array or list to integers."""
    if not isinstance(labels, (np.ndarray, list, tuple)):
        return labels
    labels = np.asarray(labels)
    if is_text(labels):
        raise ValueError(
            "`labels` must be integers. Turn names into them with "
            "np.unique(names, return_inverse=True)[1]. Received: labels of "
            f"dtype {labels.dtype}"
        )
    if labels.dtype.kind in "iu":
        check_ids("labels", labels.reshape(-1))
        return labels
    with np.errstate(invalid="ignore"):  # NaN and what is too large
        whole = labels.astype("int32")
    if not (whole == labels).all():
        raise ValueError(
            "`labels` must be integers. Received: labels of dtype "
            f"{labels.dtype} such as {labels[whole != labels][:3]}"
        )
    return whole


_AVERAGES = {"out": "log", "in": "likelihood"}
