import keras
from keras import ops


def has_accelerator() -> bool:
    """Whether tensors live on a GPU or TPU by default."""
    if keras.backend.backend() == "torch":
        # Keras lists no devices on PyTorch.
        return ops.zeros(()).device.type not in ("cpu", "meta")
    return not keras.distribution.list_devices()[0].startswith("cpu")
