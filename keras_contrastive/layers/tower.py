import keras

from keras_contrastive.data_validation import check_channels
from keras_contrastive.data_validation import check_representation
from keras_contrastive.data_validation import representation_shape
from keras_contrastive.normalization import l2_normalize


@keras.saving.register_keras_serializable(package="keras_contrastive")
class Tower(keras.layers.Layer):
    """An encoder, an optional projection without bias, and L2 normalization.

    If the encoder is not trainable it is locked: it runs in inference mode, so
    that its batch statistics do not change and no units are dropped.

    Args:
        encoder: Keras model or layer, inputs to vectors `(batch, dim)`.
        projection_dim: Int, dimension of the embeddings, or `None` to normalize
            the features without a projection.
        example_dtype: Dtype of the inputs that build the encoder.
        name: Name of the layer; errors call the encoder
            `name + "_encoder"`.
        **kwargs: Arguments of `keras.layers.Layer`; `dtype` is the dtype or
            policy of the projection.

    Call arguments:
        inputs: The inputs of the encoder.
        training: Whether the encoder runs in training mode.

    Returns:
        Float32 tensor of shape `(batch, projection_dim)`, rows of norm 1.

    Attributes:
        projection: The `Dense` layer, or `None`.
        features_dim: Int, dimension of the features, once built.
    """

    def __init__(self, encoder, projection_dim, example_dtype, name, **kwargs):
        super().__init__(name=name, **kwargs)
        self.encoder = encoder
        self.example_dtype = example_dtype
        self.projection = None
        self.features_dim = None
        if projection_dim is not None:
            # Initial standard deviation d^-1/2 for features of dimension d.
            self.projection = keras.layers.Dense(
                projection_dim,
                use_bias=False,
                kernel_initializer=keras.initializers.VarianceScaling(
                    1.0, "fan_in", "untruncated_normal"
                ),
                name="projection",
                dtype=self.dtype_policy,
            )
        representation_shape(encoder, f"{name}_encoder")

    @property
    def encoder_output_shape(self):
        """Shape of the features, `None` if the encoder does not know it yet."""
        return representation_shape(self.encoder, f"{self.name}_encoder")

    @property
    def output_shape(self):
        """Shape of the embeddings, which `summary` of the model shows."""
        is_last = self.projection is None
        return None, self.features_dim if is_last else self.projection.units

    def build(self, input_shape):
        features_shape = self.encoder_output_shape
        if features_shape is None:
            inputs = keras.tree.map_shape_structure(
                lambda shape: keras.KerasTensor(shape, self.example_dtype),
                input_shape,
            )
            features = self.encoder(inputs)
            self._check(features)
            features_shape = features.shape
        self.features_dim = features_shape[-1]
        if self.projection is not None:
            self.projection.build(features_shape)

    def compute_output_spec(self, inputs, training=False):
        # Keras would call the encoder on sizes that it may not take.
        check_channels(inputs, self.encoder)
        if not self.built:
            self.build(keras.tree.map_structure(lambda x: x.shape, inputs))
        batch = keras.tree.flatten(inputs)[0].shape[0]
        return keras.KerasTensor((batch, self.output_shape[-1]), "float32")

    def call(self, inputs, training=False):
        training = training and self.encoder.trainable
        check_channels(inputs, self.encoder)
        features = self.encoder(inputs, training=training)
        self._check(features)
        if self.projection is not None:
            features = self.projection(features)
        return l2_normalize(features)

    def _check(self, features):
        check_representation(features, f"{self.name}_encoder")

    def get_config(self):
        return {
            **super().get_config(),
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            "projection_dim": self.projection and self.projection.units,
            "example_dtype": self.example_dtype,
        }

    @classmethod
    def from_config(cls, config):
        encoder = keras.saving.deserialize_keras_object(config["encoder"])
        return cls(**{**config, "encoder": encoder})
