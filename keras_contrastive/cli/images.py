"""Images of a folder as an array, those that can be read."""

from pathlib import Path

from keras_contrastive import datasets


def load_images(paths: list[Path], image_size: int):
    """The images, and for each its place among `paths`.

    Those that cannot be read are left out, with a warning.
    """
    loaded = datasets.load_image_text(
        # The place goes along as the caption.
        [
            {"image": path, "captions": str(place)}
            for place, path in enumerate(paths)
        ],
        image_size,
        max_bad_fraction=0.99,
    )
    return loaded.images, [int(place) for place in loaded.captions]
