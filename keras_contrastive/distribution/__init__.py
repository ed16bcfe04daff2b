"""What a loss or a layer must know about the other replicas."""

import keras

if keras.backend.backend() == "tensorflow":
    from keras_contrastive.distribution.tensorflow import all_gather
    from keras_contrastive.distribution.tensorflow import num_replicas
    from keras_contrastive.distribution.tensorflow import replica_index
    from keras_contrastive.distribution.tensorflow import unscale_loss
elif keras.backend.backend() == "torch":
    from keras_contrastive.distribution.torch import all_gather
    from keras_contrastive.distribution.torch import num_replicas
    from keras_contrastive.distribution.torch import replica_index
    from keras_contrastive.distribution.torch import unscale_loss
else:
    from keras_contrastive.distribution.single_view import all_gather
    from keras_contrastive.distribution.single_view import num_replicas
    from keras_contrastive.distribution.single_view import replica_index
    from keras_contrastive.distribution.single_view import unscale_loss

__all__ = ["all_gather", "num_replicas", "replica_index", "unscale_loss"]
