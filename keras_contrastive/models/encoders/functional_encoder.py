import inspect
from typing import Any

import keras


class FunctionalEncoder(keras.Model):
    """Base of the encoders that are functional models made from arguments.

    A subclass makes its layers in the constructor, and keeps each argument as
    an attribute of the same name (Keras keeps `input_shape` and `name`): these
    are its config.

    Args:
        inputs: Symbolic input.
        outputs: Symbolic output.
        name: Name of the model.
        dtype: Dtype or policy that the layers were made with.
        **kwargs: The others of `keras.Model`.
    """

    def __init__(
        self,
        inputs: Any,
        outputs: Any,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ):
        super().__init__(inputs, outputs, name=name, **kwargs)
        # A functional model of Keras takes none, and has the global one.
        self.dtype_policy = keras.dtype_policies.get(dtype)

    def get_config(self) -> dict[str, Any]:
        config = {
            name: getattr(self, name)
            for name in inspect.signature(type(self).__init__).parameters
            if name not in ("self", "kwargs")
        }
        if "input_shape" in config:
            # Without the batch, as the constructor takes it.
            config["input_shape"] = self.input_shape[1:]
        config["trainable"] = self.trainable
        config["dtype"] = keras.dtype_policies.serialize(self.dtype_policy)
        return config

    @classmethod
    def from_config(cls, config: dict) -> Any:
        return cls(**config)
