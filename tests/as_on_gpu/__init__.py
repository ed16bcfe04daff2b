"""A pytest plugin: without a GPU, the package takes the paths of a GPU.

    KERAS_BACKEND=torch pytest -p tests.as_on_gpu

- On PyTorch, tensors are on an emulated device (`device.cpp`). What fails on a
  GPU fails there: giving a tensor to NumPy, or mixing it with one of the CPU.
  This needs g++, which takes some 15 s, once.
- On TensorFlow, `jit_compile="auto"` compiles the steps with XLA, and the
  losses avoid TF32.
- On TensorFlow and JAX, the package decides as with a GPU, such as on the size
  of the losses' blocks.
"""

import contextlib
import os
import subprocess
import sys
import types
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent / "device.cpp"
TESTS = str(SOURCE.parents[1])
DEVICE = "emulated"
# Backends, parts of the names of tests, and why they are skipped.
SKIPPED = {
    ("torch", "test_inside_tf_data_with_unknown_sizes"): (
        "in tf.data, Keras' Pipeline needs PyTorch's tensors on the CPU"
    ),
    ("torch", "test_torch_export"): (
        "gives the exported program tensors of the CPU"
    ),
    ("tensorflow", "test_extremes_of_clip"): (
        "asks for more than the 2^-20 to which products of TF32 are exact"
    ),
    ("tensorflow", "test_xla_on_cpu"): "is about computers without a GPU",
}


def use_emulated_device():
    """Makes the device of `device.cpp` the one that Keras uses on PyTorch."""
    import torch

    torch.ops.load_library(_library())
    torch.utils.rename_privateuse1_backend(DEVICE)
    module = types.ModuleType(f"torch.{DEVICE}")
    module.is_available = lambda: True
    module.device_count = lambda: 1
    module.current_device = lambda: 0
    module.is_initialized = lambda: True
    module._is_in_bad_fork = lambda: False
    module.manual_seed_all = lambda seed: None
    module.device = lambda device: contextlib.nullcontext()
    module.synchronize = lambda device=None: None
    torch._register_device_module(DEVICE, module)
    torch.utils.generate_methods_for_privateuse1_backend()
    torch.Tensor.__array__ = _array_of(torch.Tensor.__array__)
    os.environ["KERAS_TORCH_DEVICE"] = DEVICE
    import keras

    del os.environ["KERAS_TORCH_DEVICE"]  # processes of tests have no plugin
    assert keras.ops.zeros(()).device.type == DEVICE


def pytest_collection_modifyitems(items):
    for item in items:
        for (backend, name), reason in SKIPPED.items():
            if (
                backend == os.environ.get("KERAS_BACKEND")
                and name in item.nodeid
            ):
                item.add_marker(pytest.mark.skip(reason=reason))


def pretend_a_gpu():
    """TensorFlow and JAX compute on the CPU, but seem to have a GPU."""
    import keras

    keras.distribution.list_devices = lambda device_type=None: ["gpu:0"]
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        listed = tf.config.list_physical_devices
        gpu = tf.config.PhysicalDevice("/physical_device:GPU:0", "GPU")
        tf.config.list_physical_devices = lambda device_type=None: [
            *listed(device_type),
            *([gpu] if device_type in (None, "GPU") else []),
        ]


def _library():
    """The path of the compiled device, which fits the installed PyTorch."""
    import torch

    path = SOURCE.parents[2] / "build" / "as_on_gpu" / f"{torch.__version__}.so"
    if path.exists() and path.stat().st_mtime > SOURCE.stat().st_mtime:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    root = Path(torch.__file__).parent
    # Processes may compile at the same time.
    own = path.with_suffix(f".{os.getpid()}")
    subprocess.run(
        [
            *("g++", "-std=c++20", "-O1", "-fPIC", "-shared", "-w"),
            f"-I{root}/include",
            f"-I{root}/include/torch/csrc/api/include",
            *(str(SOURCE), "-o", str(own)),
            *(f"-L{root}/lib", "-ltorch", "-ltorch_cpu", "-lc10"),
        ],
        check=True,
    )
    own.rename(path)
    return path


def _array_of(original):
    """`Tensor.__array__`, with which tests, but not the package, read values.

    Tests compare what they get by NumPy's functions on all backends.
    """

    def array(tensor, *args, **kwargs):
        frame = sys._getframe(1)
        while "/numpy/" in frame.f_code.co_filename:
            frame = frame.f_back
        if frame.f_code.co_filename.startswith(TESTS):
            tensor = tensor.detach().cpu()
        return original(tensor, *args, **kwargs)

    return array


if os.environ.get("KERAS_BACKEND") == "torch":
    use_emulated_device()
else:
    pretend_a_gpu()
