import contextlib
import inspect
from typing import Any

import keras

from keras_contrastive import distribution
from keras_contrastive.callbacks.training_health import check_step
from keras_contrastive.metrics.bad_values import dtype_of
from keras_contrastive.metrics.batch_health import Finding
from keras_contrastive.metrics.health_messages import report_inference
from keras_contrastive.models.checks import check_weights_of_examples
from keras_contrastive.models.data_checks import check_arrays
from keras_contrastive.models.data_checks import check_microbatches
from keras_contrastive.models.data_checks import errors_of_graphs
from keras_contrastive.models.data_checks import is_arrays
from keras_contrastive.models.fit_callbacks import fit_callbacks
from keras_contrastive.models.watched_values import input_findings
from keras_contrastive.trainer.keras_internals import all_layers


class CheckedEntries:
    """A model that reports unusable data in each of its entries.

    Arrays are looked at when an entry is called: their lengths and dtypes, ids
    and labels. Batches of a dataset are looked at one by one, on JAX before
    they get there.

    The steps of training and evaluation record them on the device, see
    `ContrastiveModel.watch`; so do those of `predict`. Training raises at the
    latest at the end of the epoch, by `callbacks.TrainingHealth`; the other
    entries raise or warn at their end.
    """

    # Those of Keras.
    train_function: Any
    test_function: Any
    predict_function: Any

    def check_values(self, x: Any, y: Any, sample_weight: Any) -> None:
        """Raises for labels or ids in arrays that the model cannot use."""
        check_weights_of_examples(sample_weight)

    def inspect(self, data: Any) -> None:
        """Records the bad values in a batch of `predict`."""

    # The entries of Keras.

    def fit(self, *args: Any, **kwargs: Any) -> Any:
        call = self._check_call("fit", args, kwargs)
        check_microbatches(call.arguments, self.microbatch_size)
        call.arguments["callbacks"] = fit_callbacks(
            call.arguments.get("callbacks"), call.arguments.get("x"), self
        )
        with errors_of_graphs():
            return super().fit(*call.args[1:], **call.kwargs)

    fit.__doc__ = keras.Model.fit.__doc__

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        self._check_call("evaluate", args, kwargs)
        with self.health.set_aside():
            results = super().evaluate(*args, **kwargs)
            findings = self.health.summary()["findings"]
        report_inference(findings, "the evaluation")
        return results

    evaluate.__doc__ = keras.Model.evaluate.__doc__

    def predict(self, *args: Any, **kwargs: Any) -> Any:
        self._check_call("predict", args, kwargs)
        with self.health.set_aside(), self._built_by_shapes():
            outputs = super().predict(*args, **kwargs)
            findings = self.health.summary(of_process=True)["findings"]
        report_inference(findings, "the prediction")
        return outputs

    predict.__doc__ = keras.Model.predict.__doc__

    def train_on_batch(self, *args: Any, **kwargs: Any) -> Any:
        call = self._check_call("train_on_batch", args, kwargs)
        # All of it is one batch.
        size = {"batch_size": 2**62}
        check_microbatches({**call.arguments, **size}, self.microbatch_size)
        with errors_of_graphs():
            # Keras resets the metrics first.
            results = super().train_on_batch(*args, **kwargs)
        check_step(self, self.health.summary())
        return results

    train_on_batch.__doc__ = keras.Model.train_on_batch.__doc__

    def test_on_batch(self, *args: Any, **kwargs: Any) -> Any:
        self._check_call("test_on_batch", args, kwargs)
        with self.health.set_aside():
            results = super().test_on_batch(*args, **kwargs)
            findings = self.health.summary()["findings"]
        report_inference(findings, "this batch", is_step=True)
        return results

    test_on_batch.__doc__ = keras.Model.test_on_batch.__doc__

    def predict_on_batch(self, *args: Any, **kwargs: Any) -> Any:
        self._check_call("predict_on_batch", args, kwargs)
        with self.health.set_aside(), self._built_by_shapes():
            outputs = super().predict_on_batch(*args, **kwargs)
            findings = self.health.summary(of_process=True)["findings"]
        report_inference(findings, "this batch", is_step=True)
        return outputs

    predict_on_batch.__doc__ = keras.Model.predict_on_batch.__doc__

    def predict_step(self, *args: Any) -> Any:
        if keras.backend.backend() != "jax":
            self.inspect(args[-1])
        with self._not_direct():
            return super().predict_step(*args)

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

    def make_predict_function(self, force: bool = False) -> Any:
        if self.predict_function is not None and not force:
            return self.predict_function
        super().make_predict_function(force)
        if keras.backend.backend() == "jax":
            # Its state of `predict` has no metrics.
            from keras_contrastive.models.train_step.jax import inspected

            self.predict_function = inspected(self, self.predict_function)
        return self.predict_function

    # Whether the next call only builds the model.
    _builds = False

    @contextlib.contextmanager
    def _built_by_shapes(self):
        """A context in which `predict` builds the model without running it.

        On JAX Keras builds a model by calling it on the first batch, which runs
        it operation by operation.
        """
        if keras.backend.backend() == "jax":
            self._builds = not all(layer.built for layer in all_layers(self))
        try:
            yield
        finally:
            self._builds = False

    def __call__(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        if self._builds:
            self._builds = False
            inputs = keras.tree.map_structure(
                lambda x: keras.KerasTensor(x.shape, dtype_of(x)), inputs
            )
        return super().__call__(inputs, *args, **kwargs)

    # Calls of the model itself.

    # Whether a call is not part of a step, which looks at its batch itself.
    is_direct = True

    @contextlib.contextmanager
    def _not_direct(self):
        """A context in which calls are part of a step."""
        before, self.is_direct = self.is_direct, False
        try:
            yield
        finally:
            self.is_direct = before

    def look_at(self, inputs: Any) -> None:
        """Warns of bad values in a direct call, where there are values."""
        if not self.is_direct:
            return
        findings = {
            kind: Finding.of_batch(*values)
            for kind, *values in input_findings(inputs, self.value_range)
        }
        found = {kind: each for kind, each in findings.items() if each}
        report_inference(found, "this call", is_step=True)

    def _check_call(self, method, args, kwargs):
        """The bound arguments of a method of Keras, once its data is usable."""
        signature = inspect.signature(getattr(keras.Model, method))
        call = signature.bind(self, *args, **kwargs)
        get = call.arguments.get
        self._check_data(get("x"), get("y"), get("sample_weight"))
        validation = get("validation_data")
        if isinstance(validation, (tuple, list)):
            self._check_data(*validation[:3])
        elif validation is not None:
            self._check_data(validation)
        return call

    def _check_data(self, x, y=None, sample_weight=None):
        if is_arrays(x):
            parts = self.named_parts(x, y)
            check_arrays({**parts, "sample_weight": sample_weight})
            self.check_host_batch((x, y))
        # Of several processes, each with its part of the data, one would raise
        # while the others wait for it. There the steps find bad values.
        if distribution.num_replicas() == 1:
            self.check_values(x, y, sample_weight)
