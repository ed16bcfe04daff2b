"""All that training changes, as arrays."""

import random
import sys

import keras
import numpy as np

from keras_contrastive import distribution


def get_state(model):
    """The values of the model, its optimizer and its metrics.

    The model's include the random state of its layers; the optimizer's the
    number of steps, by which a schedule sets the learning rate, the moments, a
    moving average and the scale of the loss.

    Returns:
        Dict of NumPy arrays. Where replicas in this process have values of
        their own, these are there as well, under names that start with
        `replica_`.
    """
    saved = _variables(model)
    # Of these, replicas have equal values.
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
                # The backends hold the 32 bits of a seed as another type.
                value = value.astype(variable.dtype)
            if copy is not variable:
                value = keras.ops.cast(value, variable.dtype)
            copy.assign(value)


def _to_numpy(value, dtype):
    # A copy, since NumPy cannot read what the replicas of TensorFlow share.
    value = keras.ops.convert_to_numpy(keras.ops.copy(value))
    # NumPy's files have no bfloat16, which float32 holds exactly.
    return value.astype("float32") if dtype == "bfloat16" else value


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
