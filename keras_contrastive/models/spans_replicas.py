import inspect
from typing import Any

import keras

from keras_contrastive import distribution
from keras_contrastive.models.replica_checks import check_batches_divide


class SpansReplicas:
    """A model that trains on many devices as on one.

    What Keras' loops leave undone where several replicas, or processes, share
    a batch.
    """

    def fit(self, *args: Any, **kwargs: Any) -> Any:
        self._check_batches("fit", args, kwargs)
        return super().fit(*args, **kwargs)

    fit.__doc__ = keras.Model.fit.__doc__

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        self._check_batches("evaluate", args, kwargs)
        return super().evaluate(*args, **kwargs)

    evaluate.__doc__ = keras.Model.evaluate.__doc__

    def _check_batches(self, method, args, kwargs):
        signature = inspect.signature(getattr(keras.Model, method))
        check_batches_divide(signature.bind(self, *args, **kwargs).arguments)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        # Only TensorFlow's trainer has it. It builds the model on the mean of
        # what the replicas get, which fails with several workers.
        if iterator is not None and distribution.num_replicas() > 1:
            from keras_contrastive.distribution.tensorflow import first_batch

            iterator, data_batch = None, first_batch(iterator)
        super()._maybe_symbolic_build(iterator, data_batch)

    def predict_step(self, *args: Any) -> Any:
        result = super().predict_step(*args)
        if keras.backend.backend() != "jax":
            return result
        from keras_contrastive.distribution.single_view import whole

        # Where several processes share a batch, Keras cannot read the part of
        # the others.
        outputs, state = result
        return whole(outputs), state

    def get_metrics_result(self) -> dict[str, Any]:
        with distribution.sums_over_replicas(self.metrics_variables):
            return super().get_metrics_result()
