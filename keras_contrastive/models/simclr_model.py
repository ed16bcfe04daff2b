import keras

from keras_contrastive.losses.nt_xent_loss import NTXentLoss
from keras_contrastive.models.joint_embedding_model import JointEmbeddingModel


@keras.saving.register_keras_serializable(package="keras_contrastive")
class SimCLRModel(JointEmbeddingModel):
    """SimCLR: representations of images from unlabeled images.

    The examples are images by default. With a suitable encoder and augmenter
    they may be signals, sentences or rows of a table.

    Each image is augmented into two views. Encoder and projector turn a view x
    into the representation `h = encoder(x)` and the projection
    `z = projector(h)`. For the z of one view, the loss must find the z of the
    other view among the whole batch. Both views are encoded in one pass, so
    that a BatchNorm cannot tell them apart. After training, use h, which
    `predict` returns.

    Optionally, a linear probe learns the labels from h while the encoder
    trains. Its gradient does not reach the encoder, so the encoder never sees a
    label. The probe is a cheap measure of the quality of h in every epoch.

    Args:
        encoder: Keras model or layer, images `(batch, height, width, 3)`, or
            other outputs of the augmenter, to vectors `(batch, dim)`:
            `models.ResNet18`, a `keras.applications` model with
            `pooling="avg"` or your own.
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
        x: Images of shape `(batch, height, width, 3)`: uint8 in [0, 255], or
            floats in the augmenter's `value_range`, [0, 1] by default. They
            are resized to the augmenter's size. With an augmenter of other
            data: whatever it takes, a tensor or a dict of tensors.
        training: Whether the encoder runs in training mode.

    Returns:
        The representation h, float tensor of shape `(batch, dim)`.

    `fit` and `evaluate` take images, or `(images, labels)` with int labels of
    shape `(batch,)`, as arrays, `tf.data.Dataset`, `PyDataset` or torch
    `DataLoader`. Instead of the images they also take a tuple of two batches of
    views that were made elsewhere, `((view_a, view_b), labels)`, which the
    augmenter leaves unchanged. Inputs of several parts must therefore be a
    dict, not a tuple. `evaluate` returns the loss and metrics on two freshly
    augmented views, with the encoder in inference mode.

    The logs hold `loss`, which is the contrastive loss alone,
    `contrastive_accuracy`, and with a probe `probe_loss` and `probe_accuracy`.

    Raises:
        ValueError: If the encoder's output is not of rank 2, the augmenter is
            one of images but the inputs are not RGB images of rank 4, there is
            a probe but no labels, or there is no augmenter and the encoder does
            not say what image size it takes.

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

    named_losses = {"nt_xent": NTXentLoss}
