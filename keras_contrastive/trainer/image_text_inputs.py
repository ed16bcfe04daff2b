"""Converts the accepted forms of images and texts into one form."""

from keras_contrastive.data_validation import is_pair

_KEYS = {"images", "texts", "image_ids"}


def image_text_inputs(x, y=None):
    """Images and texts as a dict, whatever form they were passed in.

    Args:
        x: A dict with some of `"images"`, `"texts"` and `"image_ids"`, a pair
            `(images, texts)`, or images alone; tensors or their shapes.
        y: The texts, if `x` is images alone.

    Returns:
        The dict.

    Raises:
        ValueError: If a dict has other keys or is passed with a `y`.
    """
    if isinstance(x, dict):
        if not x or not set(x) <= _KEYS:
            raise ValueError(
                "The keys of a batch must be among 'images', 'texts' and "
                f"'image_ids'. Received: {list(x)}"
            )
        if y is not None:
            raise ValueError(
                "A dict batch must come without targets. Received: a target "
                f"beside {sorted(x)}"
            )
        return x
    if y is None and is_pair(x):
        x, y = x
    return {"images": x} if y is None else {"images": x, "texts": y}
