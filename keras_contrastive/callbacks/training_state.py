"""All that training changes, as arrays."""

import random
import sys

import keras
import numpy as np


def state_variables(model):
    """Variables of the model, of its optimizer and of its metrics.

    Those of the model include the random state of its layers, those of the
    optimizer the number of steps, by which a schedule sets the learning rate,
    the moments, a moving average and the scale of the loss.
    """
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    return [
        *model.variables,
        *model.optimizer.variables,
        *model.metrics_variables,
    ]


def get_state(model):
    """The values of `state_variables`, a dict of NumPy arrays."""
    return {
        f"variable_{index}": _to_numpy(variable)
        for index, variable in enumerate(state_variables(model))
    }


def set_state(model, arrays):
    """Gives a model the values that `get_state` took of another one like it.

    Raises:
        ValueError: If they are not of a model like it.
    """
    variables = state_variables(model)
    saved = sum(name.startswith("variable_") for name in arrays)
    if saved != len(variables):
        raise ValueError(
            "The model and its optimizer must be those that the checkpoint is "
            f"of. Received: {len(variables)} variables, where the checkpoint "
            f"has {saved}"
        )
    for index, variable in enumerate(variables):
        value = arrays[f"variable_{index}"]
        if value.shape != tuple(variable.shape):
            raise ValueError(
                "The model and its optimizer must be those that the checkpoint "
                f"is of. Received: {variable.path!r} of shape "
                f"{tuple(variable.shape)}, where the checkpoint has "
                f"{value.shape}"
            )
    for index, variable in enumerate(variables):
        value = arrays[f"variable_{index}"]
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
