"""All that training changes, as arrays."""

import random
import sys

import keras
import numpy as np


def get_state(model):
    """The values of the model, its optimizer and its metrics.

    The model's include the random state of its layers; the optimizer's the
    number of steps, by which a schedule sets the learning rate, the moments, a
    moving average and the scale of the loss.

    Returns:
        Dict of NumPy arrays.
    """
    return {
        f"{group}_{index}": _to_numpy(variable)
        for group, variables in (
            ("variable", _variables(model)),
            ("metric", model.metrics_variables),
        )
        for index, variable in enumerate(variables)
    }


def set_state(model, arrays):
    """Gives a model and its optimizer what `get_state` took of one like it.

    Raises:
        ValueError: If it is not of a model like it.
    """
    _assign(_variables(model), "variable", arrays)


def set_metrics(model, arrays):
    """Gives a model's metrics what `get_state` took of a model like it."""
    _assign(model.metrics_variables, "metric", arrays)


def _variables(model):
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    return [*model.variables, *model.optimizer.variables]


def _assign(variables, group, arrays):
    saved = sum(name.startswith(f"{group}_") for name in arrays)
    if saved != len(variables):
        raise ValueError(
            "The model and its optimizer must be those that the checkpoint is "
            f"of. Received: {len(variables)} variables, where the checkpoint "
            f"has {saved}"
        )
    values = [arrays[f"{group}_{index}"] for index in range(saved)]
    for variable, value in zip(variables, values, strict=True):
        if value.shape != tuple(variable.shape):
            raise ValueError(
                "The model and its optimizer must be those that the checkpoint "
                f"is of. Received: {variable.path!r} of shape "
                f"{tuple(variable.shape)}, where the checkpoint has "
                f"{value.shape}"
            )
    for variable, value in zip(variables, values, strict=True):
        if value.dtype.kind in "iu":
            # The backends hold the same 32 bits of a seed as another type.
            value = value.astype(variable.dtype)
        variable.assign(value)


def _to_numpy(variable):
    value = keras.ops.convert_to_numpy(variable.value)
    # NumPy's files have no bfloat16, which float32 holds exactly.
    return value.astype("float32") if variable.dtype == "bfloat16" else value


def get_random_state():
    """That of Python, NumPy and PyTorch, which shuffle the data of `fit`.

    Returns:
        A dict that JSON can hold.
    """
    version, words, gauss = random.getstate()
    numpy_state = np.random.get_state(legacy=False)
    numpy_state["state"]["key"] = numpy_state["state"]["key"].tolist()
    state = {"python": [version, list(words), gauss], "numpy": numpy_state}
    torch = sys.modules.get("torch")
    if torch is not None:
        state["torch"] = torch.get_rng_state().tolist()
        if torch.cuda.is_available():
            devices = torch.cuda.get_rng_state_all()
            state["cuda"] = [each.tolist() for each in devices]
    return state


def set_random_state(state):
    """Restores what `get_random_state` gave."""
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    np.random.set_state(state["numpy"])
    torch = sys.modules.get("torch")
    if torch is not None and "torch" in state:
        torch.set_rng_state(torch.tensor(state["torch"], dtype=torch.uint8))
        devices = state.get("cuda", [])
        if len(devices) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all(
                [torch.tensor(each, dtype=torch.uint8) for each in devices]
            )
