"""The steps and their functions, one implementation for each backend.

Each module has

- `train_step(model, *args)` and `test_step(model, *args)` with the arguments of
  that backend's Keras trainer, which call the same functions of
  `ContrastiveModel`;
- `predict_step(model, step, *args)`, which completes the `step` of Keras;
- `complete_function(model, name, make)`, which completes the function of
  batches that Keras' method `make` has just set as the attribute `name`.
"""

import keras

# As in `distribution`: type checkers follow the first import.
if keras.backend.backend() == "tensorflow":
    from keras_contrastive.trainer import tensorflow as _backend
elif keras.backend.backend() == "jax":
    from keras_contrastive.trainer import jax as _backend  # type: ignore[no-redef]
else:
    from keras_contrastive.trainer import torch as _backend  # type: ignore[no-redef]

train_step = _backend.train_step
test_step = _backend.test_step
predict_step = _backend.predict_step
complete_function = _backend.complete_function
