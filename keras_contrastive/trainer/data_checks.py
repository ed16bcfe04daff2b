"""Checks the data of `fit` and the other entry points before any step."""

import contextlib
import numbers
from typing import Any

import keras
import numpy as np

from keras_contrastive import distribution
from keras_contrastive.data_validation import is_text
from keras_contrastive.datasets.pipeline.epoch_dataset import EpochDataset

_CAPTIONS = (
    " With several captions per image, repeat each image for each caption "
    "(np.repeat(images, captions_per_image, axis=0)) and pass `image_ids`, or "
    "choose one caption per image."
)


def check_arrays(parts: dict[str, Any]) -> None:
    """Raises if arrays differ in length or do not hold numbers.

    Args:
        parts: Dict from the name of each part of the data, such as
            `"images"`, to a structure of arrays, or `None`.

    Raises:
        ValueError: If an array holds texts or objects, or no example, or if
            the lengths differ.
    """
    rows = {}
    for name, part in parts.items():
        leaves = keras.tree.flatten(part)
        if any(map(is_text, leaves)):
            raise ValueError(no_numbers(name, part))
        if any(isinstance(leaf, numbers.Real) for leaf in leaves):
            raise ValueError(
                f"`{name}` must be an array. Received: a "
                f"{type(part).__name__} of numbers; use np.array({name})"
            )
        sizes = {leaf.shape[0] for leaf in leaves if _has_rows(leaf)}
        if 0 in sizes:
            raise ValueError(
                f"`{name}` must hold at least one example. Received: none"
            )
        if sizes:
            rows[name] = sizes
    if len(set().union(*rows.values())) > 1:
        received = ", ".join(
            f"{name} of {' and '.join(map(str, sorted(sizes)))} rows"
            for name, sizes in rows.items()
        )
        advice = _CAPTIONS if {"images", "texts"} <= set(rows) else ""
        raise ValueError(
            f"{_listed(rows)} must have the same number of rows, one for each "
            f"example. Received: {received}.{advice}"
        )


def _listed(names):
    return ", ".join(f"`{name}`" for name in names)


def _has_rows(leaf):
    shape = getattr(leaf, "shape", None)
    # Not an array, or a length that is unknown in a graph.
    return shape is not None and len(shape) > 0 and shape[0] is not None


def no_numbers(name: str, part: Any) -> str:
    """The error for a part of the data that holds texts or objects."""
    tokens = (
        "token ids, integers; turn strings into them with the tokenizer that "
        "the text encoder was made for, such as "
        "keras_contrastive.text.CaptionTokenizer, or give it to a CLIPModel as "
        "its `tokenizer`"
    )
    ids = (
        "integers; turn names into them with "
        "np.unique(names, return_inverse=True)[1]"
    )
    expected = {
        "texts": tokens,
        "text": tokens,
        "negative_texts": tokens,
        "labels": "integers from 0 to num_classes - 1; turn names into them "
        "with names, labels = np.unique(names, return_inverse=True)",
        "image_ids": ids,
        "ids": ids,
    }.get(name, "arrays of numbers")
    first = next(filter(is_text, keras.tree.flatten(part)))
    if not isinstance(first, (str, bytes)):
        first = f"an array of dtype {first.dtype}"
    return f"`{name}` must be {expected}. Received: {first!r}"


def check_holds_numbers(dataset: Any) -> None:
    """Raises for a `tf.data.Dataset` of strings.

    Other datasets reveal it only in a batch, see `errors_of_strings`.
    """
    spec = getattr(dataset, "element_spec", None)
    leaves = [] if spec is None else keras.tree.flatten(spec)
    if any(getattr(leaf, "dtype", "") == "string" for leaf in leaves):
        raise _no_strings(spec)


@contextlib.contextmanager
def errors_of_strings(arguments: dict):
    """Explains an error of Keras that strings in the batches have caused.

    Args:
        arguments: Dict of the arguments of an entry point.
    """
    try:
        yield
    except (AttributeError, TypeError, ValueError) as error:
        for name in ("x", "validation_data"):
            try:
                batch = _first_batch(arguments.get(name))
            except Exception:  # The first error says more.
                continue
            if any(map(is_text, keras.tree.flatten(batch))):
                raise _no_strings(batch) from error
        raise


def _first_batch(data):
    """A batch of a `PyDataset` or of a torch `DataLoader`, else `None`.

    This package's datasets are skipped: they hold numbers, and reading a batch
    would advance them.
    """
    if isinstance(data, EpochDataset):
        return None
    if isinstance(data, keras.utils.PyDataset):
        return data[0]
    if hasattr(data, "drop_last") and hasattr(data, "dataset"):
        return next(iter(data), None)
    return None


def _no_strings(received):
    return ValueError(
        "A dataset must hold numbers, token ids and integer labels. Received: "
        f"a dataset with strings, {received!s:.300}. Give arrays of strings to "
        "a CLIPModel with a `tokenizer`, or tokenize first, as "
        "kc.datasets.ImageTextDataset does."
    )


def is_arrays(data: Any) -> bool:
    """Whether data consists of arrays rather than a dataset of batches."""
    leaves = keras.tree.flatten(data)
    return bool(leaves) and all(
        leaf is None
        or hasattr(leaf, "shape")
        or is_text(leaf)
        or isinstance(leaf, (int, float))
        for leaf in leaves
    )


def check_microbatches(arguments: dict, microbatch_size: int | None) -> None:
    """Raises if a batch of `fit` is known not to divide into microbatches.

    Args:
        arguments: Dict of the arguments of `fit`.
        microbatch_size: The argument of `compile`.

    Raises:
        ValueError: If it does not divide the batch size or the size of the
            last batch.
    """
    # With several replicas, only the step knows the batch size of each replica.
    if microbatch_size is None or distribution.num_replicas() > 1:
        return
    for size in _batch_sizes(arguments):
        if size % microbatch_size:
            raise ValueError(not_divided(microbatch_size, size))


_NOT_DIVIDED = "`microbatch_size` must divide the batch"
# Name of the operation that fails if it does not, in a graph.
DIVIDED = "batch_divided_into_microbatches"


def not_divided(microbatch_size: int | None, batch: Any) -> str:
    """The message for a batch that does not divide into microbatches."""
    return (
        f"{_NOT_DIVIDED}. Received: microbatch_size={microbatch_size} with a "
        f"batch of {batch}. Choose a batch size that it divides, and leave out "
        "a last batch that is smaller: drop_remainder=True in tf.data, "
        "drop_last=True in a DataLoader, fewer rows of arrays."
    )


@contextlib.contextmanager
def errors_of_graphs(microbatch_size: int | None):
    """Converts errors raised in a TensorFlow graph to `ValueError`."""
    try:
        yield
    except Exception as error:
        text = str(error)
        is_known = _NOT_DIVIDED in text or DIVIDED in text
        if isinstance(error, ValueError) or not is_known:
            raise
        message = not_divided(microbatch_size, "another size")
        raise ValueError(message) from None


def _batch_sizes(arguments):
    """The sizes of the batches, as far as they are known."""
    x = arguments.get("x")
    if hasattr(x, "element_spec"):
        specs = keras.tree.flatten(x.element_spec)
        sizes = {s.shape[0] for s in specs if s.shape.rank}
        return sizes - {None}
    if hasattr(x, "drop_last") and getattr(x, "batch_size", None):
        try:
            rows = len(x.sampler)
        except TypeError:
            return {x.batch_size}
        batch_size, is_last_dropped = x.batch_size, x.drop_last
    elif is_arrays(x):
        rows = int(keras.tree.flatten(x)[0].shape[0])
        rows = int(np.floor(rows * (1 - arguments.get("validation_split", 0))))
        batch_size, is_last_dropped = arguments.get("batch_size") or 32, False
    else:
        return set()
    steps = arguments.get("steps_per_epoch")
    if is_last_dropped or (steps and steps * batch_size <= rows):
        return {batch_size}
    return {min(batch_size, rows), rows % batch_size} - {0}
