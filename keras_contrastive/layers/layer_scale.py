import keras


@keras.saving.register_keras_serializable(package="keras_contrastive")
class LayerScale(keras.layers.Layer):
    """Multiplies each channel by a learned number that starts small.

    Args:
        initial_scale: Float, initial value of the numbers. Defaults to 1e-6.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Float tensor with the channels as last axis.

    Returns:
        Float tensor of the shape of `inputs`.

    Reference:
        Touvron et al., 2021, Going Deeper with Image Transformers, section 2.
    """

    def __init__(self, initial_scale=1e-6, **kwargs):
        super().__init__(**kwargs)
        self.initial_scale = initial_scale

    def build(self, input_shape):
        self.gamma = self.add_weight(
            name="gamma",
            shape=(input_shape[-1],),
            initializer=keras.initializers.Constant(self.initial_scale),
        )

    def call(self, inputs):
        return inputs * self.gamma

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "initial_scale": self.initial_scale}
