import inspect
from typing import Any

import keras

from keras_contrastive.encoders.frozen_parts import freeze_parts
from keras_contrastive.encoders.frozen_parts import frozen_parts
from keras_contrastive.trainer.correct_bfloat16 import CorrectBfloat16


class FunctionalEncoder(CorrectBfloat16, keras.Model):
    """Base of the encoders that are functional models built from arguments.

    A subclass creates its layers in the constructor, and keeps each argument as
    an attribute of the same name (Keras keeps `input_shape` and `name`). These
    attributes are its config.

    Args:
        inputs: Symbolic input.
        outputs: Symbolic output.
        name: Name of the model.
        dtype: Dtype or policy that the layers were created with.
        **kwargs: Other arguments of `keras.Model`.
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
        # Keras' functional models take no policy and get the global one.
        self.dtype_policy = keras.dtype_policies.get(dtype)

    def get_config(self) -> dict[str, Any]:
        config = {
            name: getattr(self, name)
            for name in inspect.signature(type(self).__init__).parameters
            if name not in ("self", "kwargs")
        }
        if "input_shape" in config:
            # Without the batch axis, as in the constructor.
            config["input_shape"] = self.input_shape[1:]
        config["trainable"] = self.trainable
        if self.trainable and (frozen := frozen_parts(self)):
            config["frozen"] = frozen
        config["dtype"] = keras.dtype_policies.serialize(self.dtype_policy)
        return config

    @classmethod
    def from_config(cls, config: dict) -> Any:
        config = dict(config)
        frozen = config.pop("frozen", ())
        encoder = cls(**config)
        freeze_parts(encoder, frozen)
        return encoder
