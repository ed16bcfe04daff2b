"""Makes the weights of a model trainable again."""

import keras

from keras_contrastive.trainer.keras_internals import all_layers
from keras_contrastive.validation import check_layer


def unfreeze(model: keras.Layer) -> None:
    """Makes all weights of a model trainable, and updates batch statistics.

    The reverse of `freeze_blocks`, of `layer.trainable = False` anywhere inside
    the model, and of what `enable_lora` and `merge_lora` freeze. The teachers
    of this package's models stay frozen. On TensorFlow,
    `model.trainable = True` is not enough: Keras ignores the assignment if the
    model already has this value, even if its layers do not. Call this function
    before `compile`.

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
    check_layer("model", model)
    # From the inside out, since a momentum teacher freezes its layers.
    for layer in reversed(all_layers(model)):
        layer.trainable = False
        layer.trainable = True
