"""Differentiate and apply: the part of a step that each backend does its way.

Each module has `train_step(model, *args)` and `test_step(model, *args)` with
the arguments of that backend's Keras trainer, over the same functions of
`ContrastiveModel`.
"""

import keras

if keras.backend.backend() == "tensorflow":
    from keras_contrastive.models.train_step.tensorflow import test_step
    from keras_contrastive.models.train_step.tensorflow import train_step
elif keras.backend.backend() == "jax":
    from keras_contrastive.models.train_step.jax import test_step
    from keras_contrastive.models.train_step.jax import train_step
else:
    from keras_contrastive.models.train_step.torch import test_step
    from keras_contrastive.models.train_step.torch import train_step

__all__ = ["test_step", "train_step"]
