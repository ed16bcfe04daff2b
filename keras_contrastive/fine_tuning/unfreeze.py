"""Makes the weights of a model trainable again."""

import keras

from keras_contrastive.trainer.keras_internals import all_layers


def unfreeze(model: keras.Layer) -> None:
    """Makes all weights of a model trainable, and its batch statistics move.

    The reverse of `freeze_blocks`, of `layer.trainable = False` anywhere inside
    the model, and of what `enable_lora` and `merge_lora` freeze. The teachers
    of this package's models stay frozen. On TensorFlow
    `model.trainable = True` alone does not do it: Keras ignores there an
    assignment of the value that the model has, whatever its layers have. Call
    it before `compile`.

    Args:
        model: A model or layer.

    Example:

    ```python
    import keras_contrastive as kc

    encoder = kc.models.ResNet18(stem="cifar", width=8)
    kc.fine_tuning.freeze_blocks(encoder, 5)
    kc.fine_tuning.unfreeze(encoder)
    assert encoder.get_layer("stage2_block2_2_conv").trainable
    ```
    """
    # From the inside out: a momentum teacher freezes what is in it.
    for layer in reversed(all_layers(model)):
        layer.trainable = False
        layer.trainable = True
