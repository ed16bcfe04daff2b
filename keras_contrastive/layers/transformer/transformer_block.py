import keras
from keras import layers
from keras import ops

from keras_contrastive.layers.dropout import Dropout
from keras_contrastive.layers.frozen_sublayers import freeze_sublayers
from keras_contrastive.layers.transformer.activations import ACTIVATIONS
from keras_contrastive.layers.transformer.attention import attend
from keras_contrastive.normal_initializer import NormalInitializer


@keras.saving.register_keras_serializable(package="keras_contrastive")
class TransformerBlock(layers.Layer):
    """One block of a pre-norm transformer.

    It computes `x + attention(norm(x))`, and then `x + mlp(norm(x))` of the
    result, where the MLP is Dense, activation, Dense. For a stack of `depth`
    blocks of width d, the initial standard deviations of the weights are

    - d^-1/2 for queries, keys and values,
    - (2 d)^-1/2 for the first layer of the MLP,
    - d^-1/2 (2 depth)^-1/2 for the outputs of attention and MLP to the residual
      stream, whose sum then does not grow with the depth.

    Args:
        num_heads: Int, attention heads; divides the width.
        depth: Int, the number of blocks in the stack.
        mlp_ratio: Float, width of the MLP's hidden layer relative to the width.
        activation: Name of the activation of the MLP, as in a
            `VisionTransformer`.
        layer_norm_epsilon: Float, added to the variances.
        causal: Whether a token sees only itself and the tokens before it.
        dropout: Float in [0, 1), fraction of units dropped from the outputs of
            attention and MLP, in training.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Float tensor of shape `(batch, tokens, width)`.
        training: Whether to drop units.

    Returns:
        Float tensor of the shape of `inputs`.

    Reference:
        Radford et al., 2021, Learning Transferable Visual Models From Natural
        Language Supervision, and its code for the standard deviations.
    """

    def __init__(
        self,
        num_heads,
        depth,
        mlp_ratio=4.0,
        activation="gelu",
        layer_norm_epsilon=1e-5,
        causal=False,
        dropout=0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.depth = depth
        self.mlp_ratio = mlp_ratio
        self.activation = activation
        self.layer_norm_epsilon = layer_norm_epsilon
        self.causal = causal
        self.dropout = dropout
        self.drop = Dropout(dropout, dtype=self.dtype_policy)

    def build(self, input_shape):
        width = input_shape[-1]
        stream = (2 * width * self.depth) ** -0.5
        self.attention_norm = self._norm("attention_norm")
        # One matrix for all three is faster than three smaller ones.
        self.qkv = self._dense(3 * width, width**-0.5, "qkv")
        self.attention_output = self._dense(width, stream, "attention_output")
        self.mlp_norm = self._norm("mlp_norm")
        hidden = round(width * self.mlp_ratio)
        self.mlp_hidden = self._dense(
            hidden,
            (2 * width) ** -0.5,
            "mlp_hidden",
            activation=ACTIVATIONS[self.activation],
        )
        self.mlp_output = self._dense(width, stream, "mlp_output")
        for layer in (self.attention_norm, self.qkv, self.attention_output):
            layer.build(input_shape)
        for layer in (self.mlp_norm, self.mlp_hidden):
            layer.build(input_shape)
        self.mlp_output.build((*input_shape[:-1], hidden))
        freeze_sublayers(self)

    def _norm(self, name):
        return layers.LayerNormalization(
            epsilon=self.layer_norm_epsilon, name=name, dtype=self.dtype_policy
        )

    def _dense(self, units, stddev, name, activation=None):
        return layers.Dense(
            units,
            activation=activation,
            kernel_initializer=NormalInitializer(stddev=stddev),
            name=name,
            dtype=self.dtype_policy,
        )

    def call(self, inputs, training=False):
        x = self._attend(self.attention_norm(inputs))
        inputs = inputs + self.drop(x, training=training)
        x = self.mlp_output(self.mlp_hidden(self.mlp_norm(inputs)))
        return inputs + self.drop(x, training=training)

    def _attend(self, x):
        query, key, value = ops.split(self.qkv(x), 3, axis=-1)
        x = attend(
            query, key, value, self.num_heads, self.compute_dtype, self.causal
        )
        return self.attention_output(x)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "depth": self.depth,
            "mlp_ratio": self.mlp_ratio,
            "activation": self.activation,
            "layer_norm_epsilon": self.layer_norm_epsilon,
            "causal": self.causal,
            "dropout": self.dropout,
        }
