from typing import Any

import keras
from keras import ops

from keras_contrastive.data_validation import is_float
from keras_contrastive.data_validation import is_several
from keras_contrastive.layers.multi_view import MultiView
from keras_contrastive.losses.barlow_twins_loss import BarlowTwinsLoss
from keras_contrastive.losses.decoupled_nt_xent_loss import DecoupledNTXentLoss
from keras_contrastive.losses.lejepa_loss import LeJEPALoss
from keras_contrastive.losses.nt_xent_loss import NTXentLoss
from keras_contrastive.losses.supcon_loss import SupConLoss
from keras_contrastive.losses.supcon_loss import class_labels
from keras_contrastive.losses.vicreg_loss import VICRegLoss
from keras_contrastive.models.joint_embedding_model import JointEmbeddingModel
from keras_contrastive.trainer.compile_arguments import parameters


@keras.saving.register_keras_serializable(package="keras_contrastive")
class SimCLRModel(JointEmbeddingModel):
    """SimCLR: learns representations from unlabeled images.

    The examples are images by default. With a suitable encoder and augmenter
    they may be signals, sentences or rows of a table.

    Each image is augmented into two views. Encoder and projector turn a view x
    into the representation `h = encoder(x)` and the projection
    `z = projector(h)`. For the z of one view, the loss must find the z of the
    other view among the whole batch. Both views are encoded in one pass, so
    that a BatchNorm cannot distinguish them. After training, use h, which
    `predict` returns.

    `compile(loss=...)` takes a loss object or one of these names:

    * `"nt_xent"`, the default, and `"decoupled"`: a view must find its other
      view among the batch.
    * `"barlow_twins"` and `"vicreg"`: the views agree, and the dimensions are
      uncorrelated. There are no negatives.
    * `"lejepa"`: two or more views agree, and the embeddings are Gaussian.
      `MultiView(augmenter, num_views)` makes more views; the metrics see the
      first two.
    * `"supcon"`: the views of all images of a class find each other. It needs
      the labels, integers or, for several labels per image, rows of 0 and 1. It
      takes two or more views.

    Optionally, a linear probe learns the labels from h while the encoder
    trains. Its gradient does not reach the encoder, which learns from labels
    only with `"supcon"`. The probe is a cheap measure of the quality of h in
    every epoch.

    Args:
        encoder: Keras model or layer from images
            `(batch, height, width, channels)`, or other outputs of the
            augmenter, to vectors `(batch, dim)`: `models.ResNet18`, a
            `keras.applications` model with `pooling="avg"` or your own.
        projector: Layer `(batch, dim)` to `(batch, projection_dim)`. Defaults
            to `ProjectionHead(dim, 128)`.
        augmenter: Layer that turns a batch of images into a batch of randomly
            changed images, or a `MultiView` of such layers. With
            `training=False` it must not change them, except for resizing.
            Defaults to `simclr_augmentation` for the size the encoder takes,
            `"cifar10"` up to 96 pixels and `"imagenet"` above. Use
            `keras.layers.Identity()` if only the encoder's dropout makes the
            views differ.
        probe: Layer `(batch, dim)` to `(batch, num_classes)` logits, trained
            on the labels. Defaults to a Dense layer if `num_classes` is given,
            and to no probe otherwise.
        num_classes: Int, number of classes for the default probe.
        **kwargs: Arguments of `keras.Model`.

    Call arguments:
        x: Images of shape `(batch, height, width, channels)`, with as many
            channels as the encoder takes: uint8 in [0, 255], uint16 in
            [0, 65535] (not on PyTorch), or floats in the augmenter's
            `value_range`, [0, 1] by default. They are resized to the
            augmenter's size. With an augmenter of other data: its inputs, a
            tensor or a dict of tensors.
        training: Whether the encoder runs in training mode.

    Returns:
        The representation h, float tensor of shape `(batch, dim)`.

    `fit` and `evaluate` take images, or `(images, labels)` with int labels of
    shape `(batch,)`, for `"supcon"` also `(batch, classes)`, as arrays,
    `tf.data.Dataset`, `PyDataset` or torch `DataLoader`. Instead of the images
    they also take a tuple of two batches of views that were made elsewhere,
    `((view_a, view_b), labels)`, which the augmenter leaves unchanged, or more
    than two if the loss takes them. Therefore inputs with several parts must be
    a dict, not a tuple. `evaluate` returns the loss and metrics on two freshly
    augmented views, with the encoder in inference mode.

    The logs hold `loss`, which is the contrastive loss alone,
    `contrastive_accuracy`, and with a probe `probe_loss` and `probe_accuracy`.

    Raises:
        ValueError: If the encoder's output is not of rank 2, the augmenter
            takes images but the inputs are not images that the encoder takes, a
            probe or a loss of labels has no labels, a loss of two views
            receives more, or there is no augmenter and the encoder's image size
            is not known.

    Example:

    ```python
    import keras_contrastive as kc

    images = kc.datasets.shapes(64, image_size=32).images
    encoder = kc.models.ResNet18(stem="cifar", width=8)
    model = kc.SimCLRModel(encoder)
    model.compile()
    model.fit(images, batch_size=32, epochs=1, verbose=0)
    representations = model.predict(images, verbose=0)
    print(representations.shape)
    ```

    Reference:
        Chen et al., 2020, A Simple Framework for Contrastive Learning of
        Visual Representations.
    """

    named_losses = {
        "nt_xent": NTXentLoss,
        "decoupled": DecoupledNTXentLoss,
        "barlow_twins": BarlowTwinsLoss,
        "vicreg": VICRegLoss,
        "lejepa": LeJEPALoss,
        "supcon": SupConLoss,
    }

    def make_multi_view(self, augmenter: Any) -> keras.Layer:
        if not isinstance(augmenter, MultiView):
            augmenter = MultiView(augmenter, num_views=2)
        if augmenter.num_views < 2:
            raise ValueError(
                "`augmenter` must make at least 2 views. Received: a MultiView "
                f"with num_views={augmenter.num_views}"
            )
        return augmenter

    def _is_views(self, x):
        return is_several(x)

    def check_loss(self, loss: keras.losses.Loss) -> None:
        _check_number_of_views(loss, self.multi_view.num_views)

    def check_targets(self, y: Any) -> None:
        if y is None and self._learns_from_labels:
            raise ValueError(
                "The data must be (images, labels) for a loss of labels, "
                f"{type(self.loss).__name__}. Received: images without labels."
            )

    def check_host_batch(self, data: Any) -> None:
        super().check_host_batch(data)
        _, y, _ = self.unpack_data(data)
        if self._learns_from_labels:
            class_labels(y)

    @property
    def _learns_from_labels(self):
        return self.compiled and "labels" in parameters(self.loss)

    def embed(self, views: Any, training: bool) -> Any:
        h, z = self.encode_views(views, training)
        first, second, *others = ops.split(z, len(views), axis=0)
        return {
            "pair": [first, second],
            "other_views": others,
            "representations": ops.split(h, len(views), axis=0),
        }

    def compute_embedding_loss(
        self, embeddings: Any, targets: Any, y: Any, sample_weight: Any
    ) -> Any:
        # A subclass may embed the pair alone.
        views = [*embeddings["pair"], *embeddings.get("other_views", [])]
        _check_number_of_views(self.loss, len(views))
        if self._learns_from_labels:
            self.check_targets(y)
            labels = _class_of_each(y)
            if sample_weight is not None:
                sample_weight = ops.reshape(sample_weight, (-1,))
                sample_weight = ops.concatenate([sample_weight] * len(views))
            return self.loss(
                ops.concatenate([labels] * len(views), axis=0),
                ops.concatenate(views, axis=0),
                sample_weight=sample_weight,
            )
        step = self.step_argument(self.loss)
        return self.loss(*views, sample_weight=sample_weight, **step)


def _check_number_of_views(loss, count):
    """Raises for more than two views, unless the loss takes any number."""
    if count > 2 and not parameters(loss) & {"views", "labels"}:
        raise ValueError(
            f'`loss` must be a loss of {count} views, such as "lejepa", or '
            "`augmenter` must make 2 views. Received: "
            f"loss={loss!r}, a loss of 2 views, with {count} views"
        )


def _class_of_each(y):
    """Labels `(batch,)`, or sets of labels `(batch, classes)`."""
    if len(y.shape) == 2 and y.shape[1] == 1:
        y = ops.reshape(y, (-1,))
    if len(y.shape) == 1 and is_float(y):
        raise ValueError(
            "The labels must be integers of shape (batch,), or rows of 0 and 1 "
            f"of shape (batch, classes). Received: labels of dtype {y.dtype}"
        )
    return y
