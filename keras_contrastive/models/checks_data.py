import inspect
from typing import Any

import keras

from keras_contrastive.models.data_checks import check_arrays
from keras_contrastive.models.data_checks import check_microbatches
from keras_contrastive.models.data_checks import errors_of_graphs
from keras_contrastive.models.data_checks import is_arrays


class ChecksData:
    """A model that looks at the form of its data before any step.

    Arrays are looked at when an entry is called. Batches of a dataset are
    looked at one by one, on JAX before they get there.
    """

    # Those of Keras.
    train_function: Any
    test_function: Any

    def fit(self, *args: Any, **kwargs: Any) -> Any:
        arguments = self._check_data("fit", args, kwargs)
        check_microbatches(arguments, self.microbatch_size)
        with errors_of_graphs():
            return super().fit(*args, **kwargs)

    fit.__doc__ = keras.Model.fit.__doc__

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        self._check_data("evaluate", args, kwargs)
        return super().evaluate(*args, **kwargs)

    evaluate.__doc__ = keras.Model.evaluate.__doc__

    def predict(self, *args: Any, **kwargs: Any) -> Any:
        self._check_data("predict", args, kwargs)
        return super().predict(*args, **kwargs)

    predict.__doc__ = keras.Model.predict.__doc__

    def train_on_batch(self, *args: Any, **kwargs: Any) -> Any:
        arguments = self._check_data("train_on_batch", args, kwargs)
        # All of it is one batch.
        size = {"batch_size": 2**62}
        check_microbatches({**arguments, **size}, self.microbatch_size)
        with errors_of_graphs():
            return super().train_on_batch(*args, **kwargs)

    train_on_batch.__doc__ = keras.Model.train_on_batch.__doc__

    def test_on_batch(self, *args: Any, **kwargs: Any) -> Any:
        self._check_data("test_on_batch", args, kwargs)
        return super().test_on_batch(*args, **kwargs)

    test_on_batch.__doc__ = keras.Model.test_on_batch.__doc__

    def predict_on_batch(self, *args: Any, **kwargs: Any) -> Any:
        self._check_data("predict_on_batch", args, kwargs)
        return super().predict_on_batch(*args, **kwargs)

    predict_on_batch.__doc__ = keras.Model.predict_on_batch.__doc__

    def _check_data(self, method, args, kwargs):
        """The arguments of a method of Keras, once their arrays are usable."""
        signature = inspect.signature(getattr(keras.Model, method))
        arguments = signature.bind(self, *args, **kwargs).arguments
        x, y, weight = map(arguments.get, ("x", "y", "sample_weight"))
        self._check_arrays(x, y, weight)
        validation = arguments.get("validation_data")
        if isinstance(validation, (tuple, list)):
            self._check_arrays(*(*validation, None, None)[:3])
        elif validation is not None:
            self._check_arrays(validation)
        return arguments

    def _check_arrays(self, x, y=None, sample_weight=None):
        if is_arrays(x):
            parts = self.named_parts(x, y)
            check_arrays({**parts, "sample_weight": sample_weight})
            self.check_host_batch((x, y))

    def make_train_function(self, force: bool = False) -> None:
        is_new = force or self.train_function is None
        super().make_train_function(force)
        if is_new:
            self.train_function = self._with_checks(self.train_function)

    def make_test_function(self, force: bool = False) -> None:
        is_new = force or self.test_function is None
        super().make_test_function(force)
        if is_new:
            self.test_function = self._with_checks(self.test_function)

    def _with_checks(self, function):
        """A function of a step on JAX that looks at each batch first."""
        if keras.backend.backend() != "jax":
            return function

        def checked(batches):
            for batch in batches:
                self.check_host_batch(batch)
                yield batch

        return lambda state, batches: function(state, checked(batches))
