import keras
from keras import layers
from keras import ops

from keras_contrastive.layers.frozen_sublayers import freeze_sublayers
from keras_contrastive.layers.transformer.activations import ACTIVATIONS
from keras_contrastive.layers.transformer.attention import attend


@keras.saving.register_keras_serializable(package="keras_contrastive")
class AttentionPooling(layers.Layer):
    """Pools the tokens of each example to one vector with a learned query.

    With the learned `probe` p and tokens x, and multi-head attention as in a
    transformer block, it computes

    `a = output(attention(query(p), key(x), value(x)))`, then
    `a + mlp(norm(a))`,

    where the MLP is Dense, activation, Dense.

    Args:
        num_heads: Int, attention heads; divides the width.
        mlp_ratio: Float, width of the MLP's hidden layer over the width.
        activation: Name of the activation of the MLP, as in a
            `VisionTransformer`.
        layer_norm_epsilon: Float, added to the variances.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Float tensor of shape `(batch, tokens, width)`.

    Returns:
        Float tensor of shape `(batch, width)`.

    Reference:
        Zhai et al., 2022, Scaling Vision Transformers, section 3.2, and
        big_vision, `MAPHead` of `models/vit.py`.
    """

    def __init__(
        self,
        num_heads,
        mlp_ratio=4.0,
        activation="gelu",
        layer_norm_epsilon=1e-5,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.mlp_ratio = mlp_ratio
        self.activation = activation
        self.layer_norm_epsilon = layer_norm_epsilon

    def build(self, input_shape):
        width = input_shape[-1]
        hidden = round(width * self.mlp_ratio)
        self.probe = self.add_weight(
            name="probe",
            shape=(1, 1, width),
            initializer="glorot_uniform",
        )
        self.query = self._dense(width, "query")
        # One matrix for both is faster than two smaller ones.
        self.key_value = self._dense(2 * width, "key_value")
        self.attention_output = self._dense(width, "attention_output")
        self.mlp_norm = layers.LayerNormalization(
            epsilon=self.layer_norm_epsilon,
            name="mlp_norm",
            dtype=self.dtype_policy,
        )
        self.mlp_hidden = self._dense(
            hidden, "mlp_hidden", ACTIVATIONS[self.activation]
        )
        self.mlp_output = self._dense(width, "mlp_output")
        self.key_value.build(input_shape)
        pooled = (input_shape[0], 1, width)
        for layer in (self.query, self.attention_output):
            layer.build(pooled)
        for layer in (self.mlp_norm, self.mlp_hidden):
            layer.build(pooled)
        self.mlp_output.build((*pooled[:-1], hidden))
        freeze_sublayers(self)

    def _dense(self, units, name, activation=None):
        return layers.Dense(
            units, activation=activation, name=name, dtype=self.dtype_policy
        )

    def call(self, inputs):
        batch, _, width = ops.shape(inputs)
        query = ops.broadcast_to(self.query(self.probe), (batch, 1, width))
        key, value = ops.split(self.key_value(inputs), 2, axis=-1)
        x = attend(query, key, value, self.num_heads, self.compute_dtype)
        x = self.attention_output(x)
        x = x + self.mlp_output(self.mlp_hidden(self.mlp_norm(x)))
        return x[:, 0]

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[-1])

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "mlp_ratio": self.mlp_ratio,
            "activation": self.activation,
            "layer_norm_epsilon": self.layer_norm_epsilon,
        }
