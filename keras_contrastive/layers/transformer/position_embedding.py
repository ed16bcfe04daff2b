import keras

from keras_contrastive.normal_initializer import NormalInitializer


@keras.saving.register_keras_serializable(package="keras_contrastive")
class PositionEmbedding(keras.layers.Layer):
    """Adds a learned vector to each token that depends on its position.

    Args:
        max_length: Int, the number of positions. Shorter sequences use the
            first ones.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Float tensor of shape `(batch, tokens, width)`.

    Returns:
        Float tensor of the shape of `inputs`.

    Raises:
        ValueError: If there are more than `max_length` tokens.
    """

    def __init__(self, max_length, **kwargs):
        super().__init__(**kwargs)
        self.max_length = max_length
        self.supports_masking = True

    def build(self, input_shape):
        self.position_embedding = self.add_weight(
            name="position_embedding",
            shape=(self.max_length, input_shape[-1]),
            initializer=NormalInitializer(stddev=0.01),
        )

    def call(self, inputs):
        self._check_length(inputs.shape)
        length = keras.ops.shape(inputs)[1]
        return inputs + self.position_embedding[:length]

    def compute_output_shape(self, input_shape):
        self._check_length(input_shape)
        return input_shape

    def _check_length(self, shape):
        if shape[1] is not None and shape[1] > self.max_length:
            raise ValueError(
                f"Each row must have at most {self.max_length} tokens, the "
                f"number of positions. Received: {shape[1]} tokens per row"
            )

    def get_config(self):
        return {**super().get_config(), "max_length": self.max_length}
