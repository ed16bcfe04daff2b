import contextlib
import contextvars
import warnings
from typing import Any

import keras

from keras_contrastive import distribution
from keras_contrastive.data_validation import check_weights_of_examples
from keras_contrastive.trainer import reports
from keras_contrastive.trainer import steps
from keras_contrastive.trainer.bad_values import dtype_of
from keras_contrastive.trainer.checked_call import ENTRY_POINTS
from keras_contrastive.trainer.checked_call import checked_call
from keras_contrastive.trainer.correct_bfloat16 import correct_bfloat16
from keras_contrastive.trainer.data_checks import check_microbatches
from keras_contrastive.trainer.data_checks import errors_of_graphs
from keras_contrastive.trainer.data_checks import errors_of_strings
from keras_contrastive.trainer.empty_data import check_results
from keras_contrastive.trainer.empty_data import errors_of_empty_data
from keras_contrastive.trainer.initial_weights import start_equal
from keras_contrastive.trainer.keras_internals import KERAS_SUMS_METRICS
from keras_contrastive.trainer.keras_internals import VALIDATION
from keras_contrastive.trainer.keras_internals import HookedModel
from keras_contrastive.trainer.keras_internals import all_layers
from keras_contrastive.trainer.keras_internals import has_all_weights
from keras_contrastive.trainer.keras_internals import restore_state
from keras_contrastive.trainer.random_states import load_random_states
from keras_contrastive.trainer.random_states import save_random_states
from keras_contrastive.trainer.training_statistics import TrainingStatistics
from keras_contrastive.trainer.xla_on_cpu import repays_xla
from keras_contrastive.trainer.xla_on_cpu import with_xla

# One value per thread, since several threads may call `predict`.
_is_in_step = contextvars.ContextVar("is_in_step", default=False)


class Trainer(HookedModel):
    """A `keras.Model` that checks its data, replicas and random states.

    It adds what Keras' loops leave out. Each entry point (`fit`, `evaluate`,
    `predict` and the three `..._on_batch`)

    - enters the scope of the strategy that the model was created under, since
      the usual script has left that scope by then;
    - checks arrays before any step: lengths, dtypes, ids and labels, and that
      replicas and microbatches can share the batches;
    - reports bad values that the steps recorded in `health` on the device.
      Training raises, at the latest at the end of the epoch, see
      `callbacks.TrainingHealth`; the others raise or warn at their end.

    Replicas start from equal weights, variables keep their values when a step
    fails, and model files hold all random states.
    """

    # Attributes of Keras.
    train_function: Any
    test_function: Any
    predict_function: Any

    # Arguments of `compile`.
    microbatch_size: int | None = None
    _jit_compile_argument: bool | str = False
    # Whether training uses XLA although `jit_compile` is False.
    _uses_xla: bool = False
    # Whether `start_equal` was called.
    started_equal = False

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.health = TrainingStatistics()

    # A model describes its data by overriding these.

    @property
    def value_range(self) -> tuple[float, float] | None:
        """Range of float images, `None` if it is not known."""
        return None

    def named_parts(self, x: Any, y: Any) -> dict[str, Any]:
        """The data of `fit`, under the names that errors use."""
        return {"x": x, "y": y}

    def prepare_arrays(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Converts the arrays of an entry point to the form that steps take."""
        return x, y

    def check_values(self, x: Any, y: Any, sample_weight: Any) -> None:
        """Raises for labels or ids in arrays that the model cannot use."""
        check_weights_of_examples(sample_weight)

    def check_targets(self, y: Any) -> None:
        """Raises if arrays of `fit` or `evaluate` lack what the losses need."""

    def check_host_batch(self, data: Any) -> None:
        """Raises for a batch with values that a backend would change.

        It receives each batch as the data yields it: on JAX, before its values
        are cast to 32 bits.
        """

    def inspect(self, data: Any) -> None:
        """Records the bad values in a batch of `predict`."""

    def built_in_callbacks(self, arguments: dict) -> Any:
        """The callbacks of `fit`: the user's and those that the model adds.

        Args:
            arguments: Dict of the arguments of `fit`.
        """
        return arguments.get("callbacks")

    # The entry points of Keras.

    def fit(self, *args: Any, **kwargs: Any) -> Any:
        with (
            distribution.scope_of(self),
            errors_of_graphs(self.microbatch_size),
        ):
            call = checked_call(self, "fit", args, kwargs)
            check_microbatches(call.arguments, self.microbatch_size)
            call.arguments["callbacks"] = self.built_in_callbacks(
                call.arguments
            )
            if self._jit_compile_argument == "auto" and not self._uses_xla:
                self._uses_xla = repays_xla(self, call.arguments)
                if self._uses_xla:
                    self.train_function = None
            with errors_of_strings(call.arguments), errors_of_empty_data():
                return super().fit(*call.args[1:], **call.kwargs)

    def train_on_batch(self, *args: Any, **kwargs: Any) -> Any:
        with (
            distribution.scope_of(self),
            errors_of_graphs(self.microbatch_size),
        ):
            call = checked_call(self, "train_on_batch", args, kwargs)
            # All examples form one batch.
            size = {"batch_size": 2**62}
            check_microbatches({**call.arguments, **size}, self.microbatch_size)
            # Keras resets the metrics first.
            results = super().train_on_batch(*call.args[1:], **call.kwargs)
            reports.check_step(self, self.health.summary())
        return results

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        with self._inference(
            "evaluate", args, kwargs, "the evaluation"
        ) as call:
            results = super().evaluate(*call.args[1:], **call.kwargs)
            check_results(results, VALIDATION in kwargs)
        return results

    def test_on_batch(self, *args: Any, **kwargs: Any) -> Any:
        with self._inference(
            "test_on_batch", args, kwargs, "this batch"
        ) as call:
            return super().test_on_batch(*call.args[1:], **call.kwargs)

    def predict(self, *args: Any, **kwargs: Any) -> Any:
        with self._inference("predict", args, kwargs, "the prediction") as call:
            return super().predict(*call.args[1:], **call.kwargs)

    def predict_on_batch(self, *args: Any, **kwargs: Any) -> Any:
        with self._inference(
            "predict_on_batch", args, kwargs, "this batch"
        ) as call:
            return super().predict_on_batch(*call.args[1:], **call.kwargs)

    @contextlib.contextmanager
    def _inference(self, method, args, kwargs, where):
        """Runs checks before and after an entry point that does not train.

        It yields the bound arguments of the entry point.
        """
        predicts = method.startswith("predict")
        with distribution.scope_of(self):
            call = checked_call(self, method, args, kwargs)
            with self.health.set_aside():
                try:
                    with (
                        self._built_by_shapes(predicts),
                        errors_of_strings(call.arguments),
                        errors_of_empty_data(),
                    ):
                        yield call
                finally:
                    restore_state(self)
                # A single process may call `predict`.
                seen = self.health.summary(of_process=predicts)
        reports.report_inference(
            seen["findings"], where, is_step=method.endswith("on_batch")
        )

    # Steps, and the functions that Keras compiles from them.

    def train_step(self, *args: Any) -> Any:
        # `fit` has done this already; a loop of `train_on_batch` has not.
        self.start_equal()
        return steps.train_step(self, *args)

    def test_step(self, *args: Any) -> Any:
        self.start_equal()
        return steps.test_step(self, *args)

    def start_equal(self) -> None:
        """Makes the replicas start from equal weights, once."""
        if not self.started_equal:
            start_equal(self)

    def predict_step(self, *args: Any) -> Any:
        with self._within_step():
            return steps.predict_step(self, super().predict_step, *args)

    def make_train_function(self, force: bool = False) -> None:
        if has_all_weights(self) and not self.trainable_variables:
            warnings.warn(
                "The model has no trainable weights, so training changes only "
                "its state, such as batch statistics.",
                stacklevel=3,
            )
        if not self.optimizer.built and has_all_weights(self):
            # On TensorFlow, Keras builds it in the first trace of a step, and
            # traces the step a second time if the first trace created
            # variables.
            self.optimizer.build(self.trainable_variables)
        make = super().make_train_function
        if self._uses_xla:
            make = with_xla(self)(make)
        self._complete("train_function", make, force)

    def make_test_function(self, force: bool = False) -> None:
        self._complete("test_function", super().make_test_function, force)

    def make_predict_function(self, force: bool = False) -> Any:
        self._complete("predict_function", super().make_predict_function, force)
        return self.predict_function

    def _complete(self, name, make, force):
        """Calls Keras' method `make`, and completes the function that it sets.

        Args:
            name: Name of the attribute that `make` sets.
            make: Method of Keras.
            force: As in `make`: whether to replace an earlier function.
        """
        is_new = force or getattr(self, name) is None
        with correct_bfloat16(self):
            make(force)
        if is_new:
            setattr(self, name, steps.complete_function(self, name, make))

    def first_replica_batch(self, iterator: Any) -> Any:
        if iterator is None or distribution.num_replicas() == 1:
            return None
        from keras_contrastive.distribution.tensorflow import first_batch

        return first_batch(iterator)

    def get_metrics_result(self) -> dict[str, Any]:
        if KERAS_SUMS_METRICS:
            return super().get_metrics_result()
        with distribution.sums_over_replicas(self.metrics_variables):
            return super().get_metrics_result()

    # Calls of the model.

    # Whether the next call only builds the model.
    _builds = False

    @property
    def is_direct(self) -> bool:
        """Whether a call is outside a step, which inspects its own batch."""
        return not _is_in_step.get()

    @contextlib.contextmanager
    def _within_step(self):
        """A context in which calls are part of a step."""
        token = _is_in_step.set(True)
        try:
            yield
        finally:
            _is_in_step.reset(token)

    @contextlib.contextmanager
    def _built_by_shapes(self, predicts):
        """A context in which `predict` builds the model without running it.

        On JAX, Keras builds a model by calling it on the first batch, which
        runs it operation by operation.
        """
        if predicts and keras.backend.backend() == "jax":
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

    def warn_of_bad_inputs(
        self, inputs: Any, value_range: Any = None, part: str | None = None
    ) -> None:
        """Warns of bad values in a direct call with concrete values.

        Args:
            inputs: Any structure of tensors.
            value_range: Range of float images, by default the model's.
            part: Name of the part of the data that holds the inputs.
        """
        if self.is_direct:
            value_range = value_range or self.value_range
            reports.report_call(inputs, value_range, part)

    # Files.

    def save(self, *args: Any, **kwargs: Any) -> None:
        self._check_is_not_quantized()  # before Keras opens the file
        super().save(*args, **kwargs)

    def get_build_config(self) -> dict[str, Any] | None:
        # Every other way to save the whole model calls this.
        self._check_is_not_quantized()
        return super().get_build_config()

    def _check_is_not_quantized(self):
        if any(getattr(x, "quantization_mode", None) for x in all_layers(self)):
            raise ValueError(
                "A quantized model cannot be saved: a file does not record "
                "which layers are quantized, so it could not be loaded. Save "
                "the model before `quantize`, and quantize it after loading."
            )

    def save_own_variables(self, store: Any) -> None:
        super().save_own_variables(store)
        save_random_states(self, store)

    def load_own_variables(self, store: Any) -> None:
        super().load_own_variables(load_random_states(self, store))


for _name in ENTRY_POINTS:
    getattr(Trainer, _name).__doc__ = getattr(keras.Model, _name).__doc__
Trainer.save.__doc__ = keras.Model.save.__doc__
del _name
