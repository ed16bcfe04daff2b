import keras
from keras import layers
from keras import ops

from keras_contrastive.layers.frozen_sublayers import freeze_sublayers
from keras_contrastive.layers.transformer.attention import attend
from keras_contrastive.normal_initializer import NormalInitializer


@keras.saving.register_keras_serializable(package="keras_contrastive")
class MeanQueryPooling(layers.Layer):
    """Pools a feature map to one vector by attention with its mean as query.

    The mean of the map's tokens is prepended to them, and each token gets a
    learned position embedding. The result is multi-head attention with the mean
    as the only query.

    Args:
        num_heads: Int, attention heads; divides the channels.
        output_dim: Int, dimension of the result.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Float tensor of shape `(batch, height, width, channels)`.

    Returns:
        Float tensor of shape `(batch, output_dim)`.

    Reference:
        Radford et al., 2021, Learning Transferable Visual Models From Natural
        Language Supervision, section 2.4.
    """

    def __init__(self, num_heads, output_dim, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.output_dim = output_dim

    def build(self, input_shape):
        _, height, width, channels = input_shape
        stddev = channels**-0.5
        self.position_embedding = self.add_weight(
            name="position_embedding",
            shape=(1 + height * width, channels),
            initializer=NormalInitializer(stddev=stddev),
        )
        self.query = self._dense(channels, stddev, "query")
        # One matrix for both is faster than two smaller ones.
        self.key_value = self._dense(2 * channels, stddev, "key_value")
        self.attention_output = self._dense(
            self.output_dim, stddev, "attention_output"
        )
        for layer in (self.query, self.key_value, self.attention_output):
            layer.build((input_shape[0], None, channels))
        freeze_sublayers(self)

    def _dense(self, units, stddev, name):
        return layers.Dense(
            units,
            kernel_initializer=NormalInitializer(stddev=stddev),
            name=name,
            dtype=self.dtype_policy,
        )

    def call(self, inputs):
        batch, height, width, channels = ops.shape(inputs)
        x = ops.reshape(inputs, (batch, height * width, channels))
        x = ops.concatenate([ops.mean(x, axis=1, keepdims=True), x], axis=1)
        x = x + self.position_embedding
        key, value = ops.split(self.key_value(x), 2, axis=-1)
        x = attend(
            self.query(x[:, :1]), key, value, self.num_heads, self.compute_dtype
        )
        return self.attention_output(x)[:, 0]

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.output_dim)

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "output_dim": self.output_dim,
        }
