"""Errors for data sets that hold no batch."""

import contextlib
import warnings
from typing import Any

NO_BATCH = (
    "The data must hold at least one batch. Received: none. With "
    "drop_last=True, or drop_remainder=True in tf.data, the batch size must "
    "not exceed the number of examples."
)
# Parts of the error messages of TensorFlow and of Keras, whose loops read
# variables that only a batch sets.
_SAID = {
    UnboundLocalError: ("'batch_outputs'", "'logs'"),
    ValueError: (
        "Must provide at least one structure",
        "must yield at least one batch",
        "The PyDataset has length 0",
    ),
}


@contextlib.contextmanager
def errors_of_empty_data():
    """Explains an error of Keras that a dataset without batches has caused.

    Raises:
        ValueError: In place of the error of Keras.
    """
    try:
        yield
    except tuple(_SAID) as error:
        if any(said in str(error) for said in _SAID.get(type(error), ())):
            raise ValueError(NO_BATCH) from error
        raise


def check_results(results: Any, is_validation: bool) -> None:
    """Raises for an evaluation without a batch, which has no results.

    Args:
        results: What `keras.Model.evaluate` returned: a list, a dict, or one
            number.
        is_validation: Whether it is the validation of `fit`, which then
            only warns.

    Raises:
        ValueError: If there are no results.
    """
    if not isinstance(results, (dict, list)) or results:
        return
    if not is_validation:
        raise ValueError(NO_BATCH)
    warnings.warn(
        f"The logs have no validation. {NO_BATCH.replace('The', 'Its', 1)}",
        stacklevel=3,
    )
