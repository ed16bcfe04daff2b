import keras
from keras import ops

from keras_contrastive.normal_initializer import NormalInitializer


@keras.saving.register_keras_serializable(package="keras_contrastive")
class ClassToken(keras.layers.Layer):
    """Prepends a learned token, the same for all examples.

    Call arguments:
        inputs: Float tensor of shape `(batch, tokens, width)`.

    Returns:
        Float tensor of shape `(batch, 1 + tokens, width)`.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape):
        width = input_shape[-1]
        self.class_token = self.add_weight(
            name="class_token",
            shape=(1, 1, width),
            initializer=NormalInitializer(stddev=width**-0.5),
        )

    def call(self, inputs):
        batch, _, width = ops.shape(inputs)
        token = ops.broadcast_to(self.class_token, (batch, 1, width))
        return ops.concatenate([token, inputs], axis=1)

    def compute_mask(self, inputs, previous_mask=None):
        if previous_mask is None:
            return None
        of_token = ops.ones_like(previous_mask[:, :1])
        return ops.concatenate([of_token, previous_mask], axis=1)

    def compute_output_shape(self, input_shape):
        batch, tokens, width = input_shape
        return (batch, None if tokens is None else tokens + 1, width)
