"""Everything that training changes, as arrays."""

import random
import sys

import keras
import numpy as np

from keras_contrastive import distribution
from keras_contrastive.trainer.keras_internals import refresh_normalization


def get_state(model):
    """The values of the model, its optimizer and its metrics.

    The model's values include the random state of its layers. The optimizer's
    values include the number of steps, which determines a scheduled learning
    rate, the moments, a moving average and the loss scale.

    Returns:
        Dict of NumPy arrays. If replicas in this process have different values,
        the dict also holds these, under names that start with `replica_`.
    """
    saved = _variables(model)
    # All replicas have equal values of these variables.
    trained = [*model.trainable_variables, *model.optimizer.variables]
    trained = {id(variable) for variable in trained}
    arrays = {}
    for group, variables in (
        ("variable", saved),
        ("metric", model.metrics_variables),
    ):
        for index, variable in enumerate(variables):
            name = f"{group}_{index}"
            arrays[name] = _to_numpy(variable.value, variable.dtype)
            if id(variable) in trained:
                continue
            for replica, copy in enumerate(distribution.local_copies(variable)):
                array = _to_numpy(copy, variable.dtype)
                arrays[f"replica_{replica}/{name}"] = array
    return arrays


def set_state(model, arrays):
    """Restores the state of `get_state` in a model of the same structure.

    Raises:
        ValueError: If the state belongs to a different model.
    """
    _assign(_variables(model), "variable", arrays)
    refresh_normalization(model)


def set_metrics(model, arrays):
    """Restores the metrics from the state of `get_state`."""
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
    for index, variable in enumerate(variables):
        copies = distribution.local_copies(variable)
        names = [
            f"replica_{replica}/{group}_{index}"
            for replica in range(len(copies))
        ]
        if not copies or not set(names) <= set(arrays):
            copies, names = [variable], [f"{group}_{index}"]
        for copy, name in zip(copies, names, strict=True):
            value = arrays[name]
            if value.dtype.kind in "iu":
                # The backends store the 32 bits of a seed as different types.
                value = value.astype(variable.dtype)
            if copy is not variable:
                value = keras.ops.cast(value, variable.dtype)
            copy.assign(value)


def _to_numpy(value, dtype):
    # A copy, since NumPy cannot read variables that TensorFlow replicas share.
    value = keras.ops.convert_to_numpy(keras.ops.copy(value))
    # NumPy's files have no bfloat16, which float32 holds exactly.
    return value.astype("float32") if dtype == "bfloat16" else value


def get_random_state():
    """The state of Python, NumPy and PyTorch, which shuffle `fit`'s data.

    Returns:
        A dict that can be written as JSON.
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
    """Restores the result of `get_random_state`."""
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
