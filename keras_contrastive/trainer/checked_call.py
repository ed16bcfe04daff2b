import inspect
from typing import Any

import keras

from keras_contrastive import distribution
from keras_contrastive.table_columns import as_arrays
from keras_contrastive.trainer.data_checks import check_arrays
from keras_contrastive.trainer.data_checks import check_holds_numbers
from keras_contrastive.trainer.data_checks import is_arrays
from keras_contrastive.trainer.keras_internals import VALIDATION
from keras_contrastive.trainer.replica_checks import check_batches_divide
from keras_contrastive.trainer.unread_data import check_is_read

ENTRY_POINTS = (
    "fit",
    "evaluate",
    "predict",
    "train_on_batch",
    "test_on_batch",
    "predict_on_batch",
)
_SIGNATURES = {
    name: inspect.signature(getattr(keras.Model, name)) for name in ENTRY_POINTS
}


def checked_call(
    model: keras.Model, method: str, args: tuple, kwargs: dict[str, Any]
) -> inspect.BoundArguments:
    """Binds and checks the arguments of an entry point, and converts its data.

    Args:
        model: The `Trainer`.
        method: One of `ENTRY_POINTS`.
        args: Positional arguments of the method.
        kwargs: Keyword arguments of the method.

    Returns:
        The bound arguments, starting with the model. Arrays are converted by
        the model's `prepare_arrays`.

    Raises:
        ValueError: For data that the model cannot use, and for `class_weight`.
    """
    call = _SIGNATURES[method].bind(model, *args, **kwargs)
    get = call.arguments.get
    for name in ("x", "y", "sample_weight", "validation_data"):
        if name in call.arguments:
            call.arguments[name] = as_arrays(call.arguments[name])
    for name in ("x", "validation_data"):
        check_is_read(name, get(name))
        check_holds_numbers(get(name))
    if get("class_weight") is not None:
        raise ValueError(
            "`class_weight` must be None: Keras would apply it to the "
            "contrastive loss too, not only to the probe. Received: "
            f"class_weight={get('class_weight')!r}. To weight examples in "
            "all losses, give `sample_weight`."
        )
    # Within `fit`, Keras evaluates on data that `fit` has checked.
    if method == "fit" or (method == "evaluate" and VALIDATION not in kwargs):
        check_batches_divide(call.arguments)
    _prepare(model, call.arguments)
    _check(
        model,
        get("x"),
        get("y"),
        get("sample_weight"),
        has_losses=not method.startswith("predict"),
    )
    validation = get("validation_data")
    if isinstance(validation, (tuple, list)):
        _check(model, *validation[:3])
    elif validation is not None:
        _check(model, validation)
    return call


def _prepare(model, arguments):
    """Applies `prepare_arrays` to the data in the arguments of a method."""
    x, y = arguments.get("x"), arguments.get("y")
    if is_arrays(x):
        prepared = model.prepare_arrays(x, y)
        arguments |= zip(("x", "y"), prepared, strict=True)
    validation = arguments.get("validation_data")
    if validation is not None and is_arrays(validation):
        if not isinstance(validation, (tuple, list)):
            validation = (validation,)
        x, y, *weights = (*validation, None)[: max(2, len(validation))]
        prepared = model.prepare_arrays(x, y)
        arguments["validation_data"] = (*prepared, *weights)


def _check(model, x, y=None, sample_weight=None, has_losses=True):
    if sample_weight is not None and y is None:
        raise ValueError(
            "`sample_weight` must come with `y`: Keras drops the weights "
            "of data without targets. Received: y=None. Pass the texts as "
            "`y` to a model of images and texts, or zeros to a model that "
            "needs no labels."
        )
    if is_arrays(x):
        parts = model.named_parts(x, y)
        check_arrays({**parts, "sample_weight": sample_weight})
        if has_losses:
            model.check_targets(y)
        model.check_host_batch((x, y))
    # If several processes each hold a part of the data, one would raise
    # while the others wait for it. The steps find bad values instead.
    if distribution.num_replicas() == 1:
        model.check_values(x, y, sample_weight)
