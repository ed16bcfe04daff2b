"""What the parts of `all.py` share: they report, wait for the device, time."""

import argparse
import json
import statistics
import time

import keras


def is_small(description):
    """Whether `--small` was given: the same at toy size, on a CPU."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--small", action="store_true")
    return parser.parse_args().small


def report(what, **values):
    """Prints a result as a line of JSON, at once."""
    print(json.dumps({"what": what, **values}), flush=True)


def wait_for(result):
    """Waits until the device has computed a result."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.block_until_ready(result)
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return result


def median_seconds(step, count):
    """Median time of `step()`, after two that are left out."""
    wait_for(step()), wait_for(step())
    seconds = []
    for _ in range(count):
        start = time.perf_counter()
        wait_for(step())
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def mean_seconds(step, count):
    """Mean time of `step()` where the device need not wait for Python."""
    wait_for(step()), wait_for(step())
    start = time.perf_counter()
    for _ in range(count):
        result = step()
    wait_for(result)
    return (time.perf_counter() - start) / count


def peak_gigabytes():
    """The most device memory this process has held, None on a CPU."""
    if keras.backend.backend() == "jax":
        import jax

        statistics_ = jax.devices()[0].memory_stats()
        peak = (statistics_ or {}).get("peak_bytes_in_use")
    else:
        import torch

        on_gpu = torch.cuda.is_available()
        peak = torch.cuda.max_memory_allocated() if on_gpu else None
    return peak and peak / 1e9


def gradients_of(function, arrays):
    """A callable that computes value and gradients of a function of arrays."""
    if keras.backend.backend() == "jax":
        import jax

        compiled = jax.jit(
            jax.value_and_grad(function, tuple(range(len(arrays))))
        )
        arrays = [jax.numpy.asarray(array) for array in arrays]
        return lambda: compiled(*arrays)
    tensors = [
        keras.ops.convert_to_tensor(array).requires_grad_() for array in arrays
    ]

    def step():
        for tensor in tensors:
            tensor.grad = None
        value = function(*tensors)
        value.backward()
        return value.detach(), [tensor.grad for tensor in tensors]

    return step
