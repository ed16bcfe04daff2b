"""The train and test steps, one implementation for each backend.

Each module has `train_step(model, *args)` and `test_step(model, *args)` with
the arguments of that backend's Keras trainer. They call the same functions of
`ContrastiveModel`.
"""

import keras

if keras.backend.backend() == "tensorflow":
    from keras_contrastive.trainer.tensorflow import test_step
    from keras_contrastive.trainer.tensorflow import train_step
elif keras.backend.backend() == "jax":
    from keras_contrastive.trainer.jax import test_step
    from keras_contrastive.trainer.jax import train_step
else:
    from keras_contrastive.trainer.torch import test_step
    from keras_contrastive.trainer.torch import train_step

__all__ = ["test_step", "train_step"]
