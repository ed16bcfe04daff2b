from typing import Any


def import_keras_hub(what: str) -> Any:
    """The module `keras_hub`.

    Args:
        what: What needs it, in plural, for the error.

    Raises:
        ImportError: If keras-hub is not installed.
    """
    try:
        import keras_hub
    except ImportError as error:
        raise ImportError(
            f"{what} need the `keras_hub` package. Install it with "
            '`pip install "keras_contrastive[hub]"`.'
        ) from error
    return keras_hub
