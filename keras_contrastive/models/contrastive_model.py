from typing import Any

import keras
from keras import ops

from keras_contrastive import distribution
from keras_contrastive.callbacks.default_callbacks import default_callbacks
from keras_contrastive.metrics.contrastive_accuracy import ContrastiveAccuracy
from keras_contrastive.trainer.compile_arguments import compile_from
from keras_contrastive.trainer.compile_arguments import loss_object
from keras_contrastive.trainer.compile_arguments import metric_objects
from keras_contrastive.trainer.compile_arguments import parameters
from keras_contrastive.trainer.compile_arguments import portable_config
from keras_contrastive.trainer.compile_arguments import usable_jit_compile
from keras_contrastive.trainer.keras_internals import all_layers
from keras_contrastive.trainer.keras_internals import layer_losses
from keras_contrastive.trainer.keras_internals import leave_undecayed
from keras_contrastive.trainer.keras_internals import loss_tracker
from keras_contrastive.trainer.replica_checks import check_replicas_can
from keras_contrastive.trainer.step_metrics import StepMetrics
from keras_contrastive.trainer.trainer import Trainer
from keras_contrastive.trainer.training_statistics import LOSS
from keras_contrastive.trainer.watched_inputs import watch_inputs
from keras_contrastive.trainer.watched_inputs import watch_tokens
from keras_contrastive.validation import check_positive_int


@keras.saving.register_keras_serializable(package="keras_contrastive")
class ContrastiveModel(Trainer):
    """Base of the contrastive models: views -> embeddings -> losses.

    A method consists of five functions of a batch. A subclass implements the
    first two and, if it needs them, the others:

    * `make_views(x, training)`: maps the data to views. It is cheap, has no
      gradient and receives the whole batch.
    * `embed(views, training)`: maps the views to embeddings, in any structure
      of tensors whose first axis is the batch. It is expensive and, apart from
      batch statistics, treats each example independently: with
      `microbatch_size` it receives a part of the batch.
    * `embed_targets(views, training)`: a second branch without gradient, such
      as a momentum teacher, in any structure. By default there is none.
    * `compute_losses(embeddings, targets, y, sample_weight, training)`: a dict
      of named scalars for the whole batch. Their sum is differentiated, and
      each is logged. By default, it applies the compiled loss to
      `embeddings["pair"]`, two float tensors of shape `(batch, dim)`. Row i of
      one is the positive of row i of the other.
    * `after_update(embeddings, targets)`: runs once per step, after the
      optimizer, to update moving averages, queues or centers. By default it
      does nothing.

    `named_losses` is a dict of loss classes; the first is the default of
    `compile`. `loss_names` are the keys of what `compute_losses` returns.
    `call` is for `predict`; the losses do not see its result. To be saved, a
    subclass needs a `get_config`. Its `parts` lists the arguments that are
    Keras objects: `get_config` serializes them and `from_config` restores
    them. `collapse_causes` completes the warning of collapsed embeddings.

    This class implements `compile` and the train and test steps on all three
    backends. Each of the five functions can read `optimizer.iterations`.
    The class also detects silent failures of contrastive learning. NaN inputs
    and images out of range (those that `make_views` passes to `watch`), unknown
    token ids (`watch_tokens`), a NaN loss and a batch of one stop training with
    a `ValueError`, see `callbacks.TrainingHealth`. `evaluate` and `predict`
    raise for unknown token ids, and warn of NaN inputs and images out of range.
    Collapsed embeddings are reported at the end of the epoch.

    A subclass may also override `metric_inputs(embeddings, targets)`,
    `default_loss()`, `check_loss(loss)`, `adapt_to_loss(loss)`,
    `default_metrics()`, `unpack_data(data)`, `undecayed_variables()`,
    `after_compile()`, `build_from_encoders()`, and `draw_views(x)` with
    `finish_views(drawn)`; see their docstrings.

    Args:
        **kwargs: Arguments of `keras.Model`.

    Raises:
        NotImplementedError: In a step, if `make_views` or `embed` is missing.

    Example:

    ```python
    import keras
    import numpy as np
    import keras_contrastive as kc

    class NoisyPairs(kc.models.ContrastiveModel):
        named_losses = {"nt_xent": kc.losses.NTXentLoss}

        def __init__(self, encoder):
            super().__init__()
            self.encoder = encoder
            self.seed_generator = keras.random.SeedGenerator()

        def make_views(self, x, training):
            noise = keras.random.normal(
                keras.ops.shape(x), stddev=0.1, seed=self.seed_generator
            )
            return [x, x + noise]

        def embed(self, views, training):
            z = self.encoder(keras.ops.concatenate(views), training=training)
            return {"pair": keras.ops.split(z, 2)}

        def call(self, x, training=False):
            return self.encoder(x, training=training)

    encoder = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)])
    model = NoisyPairs(encoder)
    model.compile()
    rows = np.random.normal(size=(64, 8)).astype("float32")
    model.fit(rows, batch_size=32, verbose=0)
    ```

    Reference:
        Gao et al., 2021, Scaling Deep Contrastive Learning Batch Size under
        Memory Limited Setup, for the split into `embed` and `compute_losses`.
    """

    named_losses: dict[str, type[keras.losses.Loss]] = {}
    # Arguments of the constructor that are Keras objects.
    parts: tuple[str, ...] = ()
    # The most frequent causes of collapsed embeddings, for a warning.
    collapse_causes = (
        "a learning rate too high, views without differences, a loss without "
        "negatives, weights that became NaN"
    )
    # The part of the model to export, for an error.
    exportable = "its encoder: `model.encoder.export(path)`"
    # Set by `compile`.
    step_metrics: Any = None

    # The five functions of a method.

    def make_views(self, x: Any, training: bool) -> Any:
        """The views of the data, in any structure of tensors."""
        raise NotImplementedError(
            f"{type(self).__name__} must implement `make_views(x, training)`."
        )

    def embed(self, views: Any, training: bool) -> Any:
        """The embeddings of the views, in any structure of tensors."""
        raise NotImplementedError(
            f"{type(self).__name__} must implement `embed(views, training)`."
        )

    def embed_targets(self, views: Any, training: bool) -> Any:
        """The targets of the branch without gradient, `None` by default."""
        return None

    def compute_losses(
        self,
        embeddings: Any,
        targets: Any = None,
        y: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> dict[str, Any]:
        """The losses of the whole batch, as a dict of named scalars.

        Args:
            embeddings: The result of `embed`, for all examples of the batch.
            targets: The result of `embed_targets`.
            y: The labels, if the data has any.
            sample_weight: Optional float tensor of shape `(batch,)`.
            training: Whether the model trains.

        Returns:
            Dict of scalars with the keys `loss_names`. An entry `"loss"` is
            logged as the loss; without one, the sum of all losses is logged.
            Each is a scalar that a `keras.losses.Loss` returned: under
            `tf.distribute` Keras divides it by the number of replicas, so do
            not add a constant.
        """
        loss = self.loss(*embeddings["pair"], sample_weight=sample_weight)
        return {"loss": loss}

    def after_update(self, embeddings: Any, targets: Any) -> None:
        """Updates state without gradients, once per training step."""

    # Other functions that a method may define.

    def after_compile(self) -> None:
        """Runs at the end of `compile`.

        A method with a momentum teacher freezes the layers of the teacher whose
        sources are frozen, by `MomentumEncoder.follow_trainable`.
        """

    @property
    def loss_names(self) -> tuple[str, ...]:
        """The keys of the dict that `compute_losses` returns."""
        return ("loss",)

    @property
    def has_targets(self) -> bool:
        """Whether the method has a branch without gradient."""
        return type(self).embed_targets is not ContrastiveModel.embed_targets

    @property
    def uses_compiled_loss(self) -> bool:
        """Whether the method needs a loss in `compile`."""
        is_default = (
            type(self).compute_losses is ContrastiveModel.compute_losses
        )
        return is_default or bool(self.named_losses)

    def draw_views(self, x: Any) -> Any:
        """Draws the random numbers of the views; `finish_views` applies them.

        With microbatches, a step calls it instead of `make_views(x,
        training=True)`, and then calls `finish_views` on parts of its result,
        so that the views of the whole batch never exist at once. If a subclass
        overrides `make_views` alone, all views are made at once.

        Args:
            x: The data.

        Returns:
            Any structure of tensors with the batch as first axis. By default
            these are the views.
        """
        return self.make_views(x, training=True)

    def finish_views(self, drawn: Any) -> Any:
        """The views of the examples in `drawn`, without randomness."""
        return drawn

    def unpack_data(self, data: Any) -> Any:
        """A batch of the data as `(x, y, sample_weight)`."""
        return keras.utils.unpack_x_y_sample_weight(data)

    def metric_inputs(self, embeddings: Any, targets: Any) -> tuple:
        """The tensors that `metrics` are updated with, each `(batch, dim)`.

        Their spread also shows whether the embeddings have collapsed.
        """
        return tuple(embeddings["pair"])

    def default_loss(self) -> keras.losses.Loss | None:
        """The loss of `compile(loss=None)`.

        By default `None`, for the first of `named_losses` with its defaults.
        """
        return None

    def check_loss(self, loss: keras.losses.Loss) -> None:
        """Raises for a loss of `compile` that this model cannot compute."""

    def adapt_to_loss(self, loss: keras.losses.Loss) -> None:
        """Changes the model for the loss that `compile` has received."""

    def step_argument(self, loss: keras.losses.Loss) -> dict[str, Any]:
        """The number of steps trained so far, for a loss that takes `step`."""
        takes_step = "step" in parameters(loss)
        return {"step": self.optimizer.iterations} if takes_step else {}

    def default_metrics(self) -> list[keras.metrics.Metric]:
        """The metrics of the embeddings for `compile(metrics=None)`."""
        return [ContrastiveAccuracy()]

    def undecayed_variables(self) -> list:
        """The variables excluded from the optimizer's weight decay."""
        return []

    def build_from_encoders(self) -> None:
        """Builds the model, if its encoders know their input and output.

        By default, the model is built if all of its layers are built.
        """
        _, *layers = all_layers(self)
        if layers and all(layer.built for layer in layers):
            self.built = True

    def build_from_batch(self, x: Any) -> None:
        """Builds the model on the data of a batch."""
        self.build(keras.tree.map_structure(lambda v: tuple(v.shape), x))

    # Checks of the data, called by `make_views`.

    def watch(self, inputs: Any, training: bool = True) -> Any:
        """Records unusable inputs, to be reported after the step.

        Args:
            inputs: Any structure of tensors. If `value_range` is known, the
                first tensor holds images.
            training: Whether the inputs are trained on.

        Returns:
            The inputs. In training, NaN and infinity are replaced by zeros to
            protect the weights; the error is raised after the step.
        """
        return watch_inputs(self.health, inputs, self.value_range, training)

    def watch_tokens(self, texts: Any, encoder: Any) -> Any:
        """Records token ids that a text encoder does not know.

        Args:
            texts: A tensor of token ids, or a dict with `"token_ids"`. Other
                inputs are returned unchanged.
            encoder: The text encoder. Its `vocabulary_size` is the number of
                ids that it knows. Its `end_id` is the id that each text must
                contain.

        Returns:
            The texts, with unknown ids replaced by 0.
        """
        return watch_tokens(self.health, texts, encoder)

    # Parts of a step that are the same on all backends.

    def total_loss(
        self,
        embeddings: Any,
        targets: Any,
        y: Any,
        sample_weight: Any,
        training: bool,
    ) -> Any:
        """Logs the losses and returns their sum, a scalar."""
        losses = self.compute_losses(
            embeddings, targets, y, sample_weight, training
        )
        if set(losses) != set(self.step_metrics.loss_names):
            raise ValueError(
                "`compute_losses` must return a dict with the keys "
                "`loss_names`. Received: "
                f"{sorted(losses)} from {type(self).__name__}, whose "
                f"loss_names are {sorted(self.step_metrics.loss_names)}"
            )
        of_layers = sum(layer_losses(self))
        total = sum(losses.values()) + of_layers
        shown = losses["loss"] + of_layers if "loss" in losses else total
        batch_size = ops.shape(keras.tree.flatten(embeddings)[0])[0]
        unscaled = {k: distribution.unscale_loss(v) for k, v in losses.items()}
        self.step_metrics.update_losses(
            unscaled, distribution.unscale_loss(shown), batch_size
        )
        bad = ops.logical_not(ops.isfinite(ops.reshape(total, (1,))))
        is_infinite = ops.cast(ops.logical_not(ops.isnan(total)), "float32")
        self.health.record(LOSS, bad, is_infinite)
        return total

    def update_metrics(
        self, embeddings: Any, targets: Any, sample_weight: Any
    ) -> None:
        """Updates the compiled metrics and the statistics of embeddings."""
        inputs = self.metric_inputs(embeddings, targets)
        self.health.update_embeddings(*inputs)
        self.step_metrics.update_metrics(inputs, sample_weight)

    def evaluate_batch(self, x: Any, y: Any, sample_weight: Any) -> dict:
        """The logs after a batch of `evaluate`."""
        views = self.make_views(x, training=False)
        targets = self.embed_targets(views, training=False)
        embeddings = self.embed(views, training=False)
        self.total_loss(embeddings, targets, y, sample_weight, training=False)
        self.update_metrics(embeddings, targets, sample_weight)
        return self.get_metrics_result()

    def needs_metrics_built(self) -> bool:
        return (
            self.step_metrics is not None
            and self.step_metrics.may_lack_variables
        )

    def build_metrics(self, data: Any) -> None:
        x, _, sample_weight = self.unpack_data(data)
        views = self.make_views(x, training=False)
        targets = self.embed_targets(views, training=False)
        embeddings = self.embed(views, training=False)
        self.update_metrics(embeddings, targets, sample_weight)
        self.step_metrics.built = True

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        metrics = super().metrics
        if self.step_metrics is None:
            return metrics
        # The first metric of Keras tracks the loss.
        return [*self.step_metrics.all(), *metrics[1:]]

    @property
    def metrics_names(self) -> list[str]:
        # The names of the numbers in the list that `evaluate` returns.
        return [m.name for m in self.metrics if m is not self.health]

    # The interface of Keras models.

    def export(self, *args: Any, **kwargs: Any) -> None:
        """Raises a `ValueError` that says which part to export.

        The model augments data and accepts several forms of it, but other
        programs need one function of one input.
        """
        raise ValueError(
            f"A {type(self).__name__} cannot be exported as a whole. Export "
            f"{self.exportable}. `keras_contrastive.models.export_onnx` writes "
            "ONNX. See docs/export.md."
        )

    def built_in_callbacks(self, arguments: dict) -> Any:
        return default_callbacks(arguments, self)

    def compile(
        self,
        optimizer: Any = "adam",
        loss: Any = None,
        metrics: Any = None,
        microbatch_size: int | None = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Configures training. The defaults of all arguments work.

        Args:
            optimizer: A Keras optimizer or its name. Defaults to `"adam"`.
            loss: The name of one of the method's losses, or a loss object that
                is called as `loss(first, second, sample_weight=None)` on two
                float tensors of shape `(batch, dim)`. Defaults to the loss of
                the method's paper.
            metrics: A metric object or a list of them, which are updated
                with the same two tensors. Defaults to the metrics of the
                method; pass an empty list for none.
            microbatch_size: Int, how many examples are embedded at a time in
                training. It must divide the batch size (with several replicas,
                the batch size of each). The loss and its gradient are those of
                the whole batch. Only the activations of one microbatch are in
                memory, at the cost of one more forward pass (Gao et al., 2021,
                Scaling Deep Contrastive Learning Batch Size under Memory
                Limited Setup). Dropout drops the same units in both passes.
                Batch statistics are those of a microbatch. `None`, the default,
                embeds the batch at once.
            weighted_metrics: As `metrics`, for metrics that also take
                `sample_weight`.
            run_eagerly: As in `keras.Model.compile`.
            steps_per_execution: As in `keras.Model.compile`.
            jit_compile: As in `keras.Model.compile`. With `"auto"`, TensorFlow
                also uses XLA on a CPU if `fit` trains transformers of this
                package for 200 steps or more. On PyTorch, `True` warns and acts
                as `False`: torch.compile would trace the step for minutes and
                gain nothing.
            auto_scale_loss: As in `keras.Model.compile`.

        Raises:
            ValueError: If an argument is invalid, such as a loss of labels, the
                name of a metric, or a size that is not a positive integer.
        """
        has_loss = loss is not None or self.uses_compiled_loss
        if has_loss:
            loss = loss_object(loss or self.default_loss(), self.named_losses)
            self.check_loss(loss)
        if microbatch_size is not None:
            microbatch_size = check_positive_int(
                "microbatch_size", microbatch_size
            )
        steps_per_execution = check_positive_int(
            "steps_per_execution", steps_per_execution
        )
        if metrics is None:
            metrics = self.default_metrics()
        metrics = metric_objects("metrics", metrics)
        weighted_metrics = metric_objects("weighted_metrics", weighted_metrics)
        with distribution.scope_of(self):
            check_replicas_can(optimizer, steps_per_execution, jit_compile)
            if has_loss:
                self.adapt_to_loss(loss)
            # Keras does not receive the loss and the metrics: it would call
            # them on labels and predictions, which do not exist here.
            super().compile(
                optimizer=optimizer,
                run_eagerly=run_eagerly,
                steps_per_execution=steps_per_execution,
                jit_compile=usable_jit_compile(jit_compile),
                auto_scale_loss=auto_scale_loss,
            )
            self.step_metrics = StepMetrics(
                loss_tracker(self), self.loss_names, metrics, weighted_metrics
            )
            self.loss = loss
            self.microbatch_size = microbatch_size
            self._jit_compile_argument = jit_compile
            self._uses_xla = False
            # Not in the constructor, since a subclass may add its own state
            # after it. Not in `fit`, since callbacks may restore a checkpoint
            # before it.
            if not self.built:
                self.build_from_encoders()
        self.exclude_from_weight_decay()
        self.after_compile()

    def exclude_from_weight_decay(self) -> None:
        """Excludes `undecayed_variables` from the optimizer's weight decay."""
        # `compile` and `build` both call this. The later call takes effect.
        if self.built and self.compiled and not self.optimizer.built:
            leave_undecayed(self.optimizer, self.undecayed_variables())

    def load_weights(self, *args: Any, **kwargs: Any) -> None:
        self._build_for_weights()
        super().load_weights(*args, **kwargs)

    load_weights.__doc__ = keras.Model.load_weights.__doc__

    def save_weights(self, *args: Any, **kwargs: Any) -> None:
        self._build_for_weights()
        super().save_weights(*args, **kwargs)

    save_weights.__doc__ = keras.Model.save_weights.__doc__

    def _build_for_weights(self):
        if not self.built:
            self.build_from_encoders()

    def get_compile_config(self) -> dict[str, Any]:
        if not self.compiled:
            return {}
        return portable_config(self, super().get_compile_config())

    def compile_from_config(self, config: dict) -> None:
        compile_from(self, config)

    @classmethod
    def from_config(cls, config: dict) -> Any:
        restored = {
            part: keras.saving.deserialize_keras_object(config[part])
            for part in cls.parts
            if part in config  # Files of earlier versions lack some.
        }
        return cls(**{**config, **restored})
