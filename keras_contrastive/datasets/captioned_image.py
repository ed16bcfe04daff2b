"""An image with its captions: a record of image-text data sets."""

from typing import Any
from typing import NamedTuple


class CaptionedImage(NamedTuple):
    """An image and all its captions.

    Attributes:
        image: Path of the image file, or an image in any other form that
            `ImageTextDataset` accepts.
        captions: Tuple of strings, in the order of the source.
        image_id: Int. Records of the same image share it.

    Example:
        ```python
        import keras_contrastive as kc

        record = kc.datasets.CaptionedImage(
            "photographs/1.jpg", ("two dogs", "a wet dog and a dry one"), 1
        )
        print(record.captions[0])
        ```
    """

    image: Any
    captions: tuple[str, ...]
    image_id: int
