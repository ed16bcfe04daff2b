import keras

from keras_contrastive.layers.momentum_encoder import MomentumEncoder


class Teacher(keras.layers.Layer):
    """A momentum copy of an encoder and its projector.

    Args:
        encoder: Keras model or layer to copy.
        projector: Keras layer to copy, which follows the encoder.
        momentum: As in `MomentumEncoder`.
        total_steps: As in `MomentumEncoder`.

    Call arguments:
        inputs: The inputs of the encoder.
        training: Whether the copies run in training mode.

    Returns:
        The outputs of the projector's copy, without gradient.
    """

    def __init__(self, encoder, projector, momentum, total_steps):
        super().__init__(name="teacher")
        self.encoder, self.projector = (
            MomentumEncoder(source, momentum, total_steps)
            for source in (encoder, projector)
        )

    def call(self, inputs, training=False):
        h = self.encoder(inputs, training=training)
        return self.projector(h, training=training)

    def update(self, encoder, projector):
        """Moves the copies toward their sources, once a step."""
        self.encoder.update(encoder)
        self.projector.update(projector)

    def copy_weights(self, encoder, projector):
        """Sets all weights to those of the sources."""
        self.encoder.copy_weights(encoder)
        self.projector.copy_weights(projector)
