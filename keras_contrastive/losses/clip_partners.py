"""The positives of images among the texts, and of texts among the images."""

from typing import Any

from keras import ops

from keras_contrastive import distribution
from keras_contrastive.losses.embedding_loss import pair_ids
from keras_contrastive.losses.group_sums import sum_of_partners


class CLIPPartners:
    """Image-text pairs as queries and keys for both directions at once.

    The query of a pair is its image and its text, one after the other, and its
    key is the text and the image: their inner product is twice the similarity
    of the pair.

    Args:
        images: Float32 tensor of shape `(n, d)`, normalized rows.
        texts: Float32 tensor of shape `(n, d)`, normalized rows.
        gather: Whether the keys are those of all replicas.
        block_size: Int, keys per block, or `None` to choose it automatically.
    """

    def __init__(self, images, texts, gather, block_size):
        self.images, self.texts = images, texts
        self.gather = gather
        self.block_size = block_size

    # These are properties, since only ids and soft targets need them.

    @property
    def queries(self) -> Any:
        """Float32 tensor of shape `(n, 2 d)`."""
        return ops.concatenate([self.images, self.texts], axis=1)

    @property
    def own_keys(self) -> Any:
        """Float32 tensor of shape `(n, 2 d)`, of this replica."""
        return ops.concatenate([self.texts, self.images], axis=1)

    @property
    def keys(self) -> Any:
        """Float32 tensor of shape `(m, 2 d)`, of all replicas."""
        return self.gathered(self.own_keys)

    def gathered(self, x: Any) -> Any:
        """The rows of all replicas with `gather`, otherwise `x`."""
        return distribution.all_gather(x) if self.gather else x

    def of_image(self, image_ids: Any) -> Any:
        """The mean key of the pairs of each image, shape `(n, 2 d)`.

        Args:
            image_ids: Ints of shape `(n,)`, or sets of labels, 0 and 1 of shape
                `(n, labels)`; `None` if each pair has its own image.
        """
        if image_ids is None:
            return self.own_keys
        ids = pair_ids("image_ids", image_ids, self.images.shape[0])
        total, count = sum_of_partners(
            self.keys, self.own_keys, self.gathered(ids), ids, self.block_size
        )
        return total / count[:, None]

    def similarity(self, image_ids: Any) -> Any:
        """The inner product of `queries` and `of_image`, shape `(n,)`."""
        if image_ids is None:
            return 2 * ops.sum(self.images * self.texts, axis=1)
        return ops.sum(self.queries * self.of_image(image_ids), axis=1)
