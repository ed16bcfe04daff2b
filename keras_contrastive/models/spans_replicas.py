import functools
import inspect
from typing import Any

import keras

from keras_contrastive import distribution
from keras_contrastive.callbacks.equal_start import start_equal
from keras_contrastive.models.replica_checks import check_batches_divide

# Keras 3.16 adds metrics up under torch.distributed by itself.
_KERAS_SUMS_METRICS = hasattr(keras.Model, "_initialize_ddp")


def _in_scope(method):
    """Keras' method of that name, in the scope that the model was made in.

    The usual script leaves the scope of its strategy before it calls `fit`.
    """

    @functools.wraps(getattr(keras.Model, method))
    def call(self, *args, **kwargs):
        with distribution.scope_of(self):
            self._check_batches(method, args, kwargs)
            return getattr(super(SpansReplicas, self), method)(*args, **kwargs)

    return call


class SpansReplicas:
    """A model that trains on many devices as on one.

    What Keras' loops leave undone where several replicas, or processes, share
    a batch.
    """

    # Whether `start_equal` was called.
    started_equal = False

    compile = _in_scope("compile")
    fit = _in_scope("fit")
    evaluate = _in_scope("evaluate")
    predict = _in_scope("predict")
    train_on_batch = _in_scope("train_on_batch")
    test_on_batch = _in_scope("test_on_batch")
    predict_on_batch = _in_scope("predict_on_batch")

    def start_equal(self) -> None:
        """Makes the replicas start from equal weights, unless they have."""
        if not self.started_equal:
            start_equal(self)

    def _check_batches(self, method, args, kwargs):
        # Within `fit`, Keras evaluates on data that `fit` has checked.
        if method == "fit" or (
            method == "evaluate" and "_use_cached_eval_dataset" not in kwargs
        ):
            signature = inspect.signature(getattr(keras.Model, method))
            arguments = signature.bind(self, *args, **kwargs).arguments
            check_batches_divide(arguments)

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
        if _KERAS_SUMS_METRICS:
            return super().get_metrics_result()
        with distribution.sums_over_replicas(self.metrics_variables):
            return super().get_metrics_result()
