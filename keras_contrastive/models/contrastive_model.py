from typing import Any

import keras
from keras import ops

from keras_contrastive import distribution
from keras_contrastive.metrics.bad_values import not_ids
from keras_contrastive.metrics.bad_values import without_end
from keras_contrastive.metrics.batch_health import ENDS
from keras_contrastive.metrics.batch_health import LOSS
from keras_contrastive.metrics.batch_health import TOKENS
from keras_contrastive.metrics.batch_health import BatchHealth
from keras_contrastive.metrics.contrastive_accuracy import ContrastiveAccuracy
from keras_contrastive.models import train_step
from keras_contrastive.models.checked_entries import CheckedEntries
from keras_contrastive.models.compile_arguments import compile_from
from keras_contrastive.models.compile_arguments import loss_object
from keras_contrastive.models.compile_arguments import metric_objects
from keras_contrastive.models.compile_arguments import portable_config
from keras_contrastive.models.compile_arguments import usable_jit_compile
from keras_contrastive.models.keeps_random_state import KeepsRandomState
from keras_contrastive.models.keeps_values import KeepsValues
from keras_contrastive.models.replica_checks import check_replicas_can
from keras_contrastive.models.spans_replicas import SpansReplicas
from keras_contrastive.models.watched_values import finite
from keras_contrastive.models.watched_values import input_findings
from keras_contrastive.models.watched_values import tokens_of
from keras_contrastive.models.watched_values import vocabulary_size_of
from keras_contrastive.models.watched_values import with_tokens
from keras_contrastive.optimizers.weight_decay import leave_undecayed
from keras_contrastive.validation import check_positive_int


@keras.saving.register_keras_serializable(package="keras_contrastive")
class ContrastiveModel(
    SpansReplicas,
    CheckedEntries,
    KeepsRandomState,
    KeepsValues,
    keras.Model,
):
    """Base of the contrastive models: views -> embeddings -> loss.

    A method is three functions of a batch. A subclass writes the first two,
    and the third where the compiled loss on the pair is not all of it:

    * `make_views(x, training)`: the data to the views of it. Cheap, without
      gradient, the whole batch.
    * `embed(views, training)`: the views to a dict with, under `"pair"`, two
      float tensors of shape `(batch, dim)`, row i of one being the positive of
      row i of the other. Expensive, each example by itself up to batch
      statistics: with `microbatch_size` it gets a part of the batch.
    * `contrastive_loss(embeddings, sample_weight)`: the embeddings of the
      whole batch to a scalar.

    It names its losses in `named_losses`, a dict of classes of which the first
    is the default. What `call` returns is for `predict`; the loss does not see
    it. To be saved, a subclass needs a `get_config`; those arguments that it
    serialises, since they are Keras objects, it names in `parts`, and
    `from_config` restores them.

    This class owns `compile` and the train and test steps over them, once for
    the three backends. Beside the loss it watches what goes wrong silently in
    contrastive learning. NaN inputs and images out of range (those that
    `make_views` passes to `watch`), unknown token ids (`watch_tokens`), a NaN
    loss and a batch of one stop training with a `ValueError`, see
    `callbacks.TrainingHealth`; `evaluate` and `predict` warn of such inputs.
    Collapsing embeddings are warned of at the end of the epoch.

    A subclass may also override `unpack_data(data)`, `default_metrics()`,
    `undecayed_variables()`, `build_from_encoders()` and
    `embedding_like(outputs)`; see there.

    Args:
        **kwargs: Those of `keras.Model`.

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
        Memory Limited Setup, for the split of `embed` and `contrastive_loss`.
    """

    named_losses = {}
    # Arguments of the constructor that are Keras objects.
    parts = ()
    # That of `compile`.
    microbatch_size = None

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.health = BatchHealth()

    # The three functions of a method.

    def make_views(self, x: Any, training: bool) -> Any:
        """The data to the views of it, in any structure of tensors."""
        raise NotImplementedError(
            f"{type(self).__name__} must implement `make_views(x, training)`."
        )

    def embed(self, views: Any, training: bool) -> Any:
        """The views to a dict with two embeddings under `"pair"`."""
        raise NotImplementedError(
            f"{type(self).__name__} must implement `embed(views, training)`."
        )

    def contrastive_loss(
        self, embeddings: Any, sample_weight: Any = None
    ) -> Any:
        """The compiled loss of the pair of embeddings, a scalar."""
        return self.loss(*embeddings["pair"], sample_weight=sample_weight)

    # What else a method may have its own way.

    def draw_views(self, x: Any) -> Any:
        """The data with all random numbers of its views, for `finish_views`.

        A step in microbatches calls it in place of `make_views(x,
        training=True)`, and `finish_views` on a part of what it returns, so
        that there are never the views of the whole batch. A subclass that
        overrides `make_views` alone has them all made at once.

        Args:
            x: The data.

        Returns:
            Any structure of tensors with the batch as first axis. Defaults to
            the views.
        """
        return self.make_views(x, training=True)

    def finish_views(self, drawn: Any) -> Any:
        """The views of those examples that `drawn` has, without randomness."""
        return drawn

    def unpack_data(self, data: Any) -> Any:
        """What the data yields, as `(x, y, sample_weight)`."""
        return keras.utils.unpack_x_y_sample_weight(data)

    def named_parts(self, x: Any, y: Any) -> dict[str, Any]:
        """What `fit` is given, with the names that errors use."""
        return {"x": x, "y": y}

    def check_host_batch(self, data: Any) -> None:
        """Raises for a batch with values that a backend would change.

        It gets each batch as the data yields it: on JAX before its values
        become 32 bits wide.
        """

    def default_metrics(self) -> list[keras.metrics.Metric]:
        """The metrics of the pair of embeddings, where `compile` names none."""
        return [ContrastiveAccuracy()]

    def undecayed_variables(self) -> list:
        """Those that no weight decay of the optimizer shall touch."""
        return []

    def build_from_encoders(self) -> None:
        """Builds the model, where its encoders say what they take and give."""

    def embedding_like(self, outputs: Any) -> Any:
        """A tensor of an embedding's shape, from what `call` returned."""
        return keras.tree.flatten(outputs)[0]

    @property
    def value_range(self):
        """Range of float images, where it is known."""
        return None

    def watch(self, inputs: Any, training: bool = True) -> Any:
        """Looks for unusable inputs, which are then reported.

        Args:
            inputs: Any structure of tensors. Where `value_range` is known, the
                first of them are images.
            training: Whether the inputs are trained on.

        Returns:
            The inputs. In training they have zeros for NaN, to protect the
            weights; the error comes after the step.
        """
        for kind, *values in input_findings(inputs, self.value_range):
            self.health.record(kind, *values)
        return finite(inputs) if training else inputs

    def watch_tokens(self, texts: Any, encoder: Any) -> Any:
        """Looks for token ids that a text encoder does not know.

        Args:
            texts: A tensor of token ids, or a dict with `"token_ids"`. Other
                inputs are left alone.
            encoder: The text encoder, which says with `vocabulary_size` how
                many ids it knows, and with `end_id` which one each text must
                have.

        Returns:
            The texts, with the id 0 for unknown ids.
        """
        tokens = tokens_of(texts)
        if tokens is None:
            return texts
        end_id = getattr(encoder, "end_id", None)
        if end_id is not None:
            missing = without_end(tokens, end_id)
            self.health.record(ENDS, missing, expected=end_id)
        size = vocabulary_size_of(encoder)
        if size is None:
            return texts
        unknown, low, high = not_ids(tokens, size)
        bad = ops.any(unknown, axis=1)
        self.health.record(TOKENS, bad, low, high, size)
        return with_tokens(texts, ops.where(unknown, 0, tokens))

    def watched_loss(self, *args: Any, **kwargs: Any) -> Any:
        """`compute_loss`, and a look whether it is finite."""
        loss = self.compute_loss(*args, **kwargs)
        bad = ops.logical_not(ops.isfinite(ops.reshape(loss, (1,))))
        is_infinite = ops.cast(ops.logical_not(ops.isnan(loss)), "float32")
        self.health.record(LOSS, bad, is_infinite)
        return loss

    # What Keras asks of a model.

    def compile(
        self,
        optimizer: Any = "adam",
        loss: Any = None,
        metrics: Any = None,
        microbatch_size: int | None = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Configures training; every argument has a default that trains.

        Args:
            optimizer: A Keras optimizer or its name. Defaults to `"adam"`.
            loss: The name of one of the method's losses, or a loss object that
                is called as `loss(first, second, sample_weight=None)` on two
                float tensors of shape `(batch, dim)`. Defaults to the loss of
                the method's paper.
            metrics: A metric object or a list of them, which are updated
                with `(first, second)` too. Defaults to those of the method;
                an empty list for none.
            microbatch_size: Int, how many examples are embedded at a time in
                training, a divisor of the batch (of each replica's, under a
                distribution). The loss and its gradient are those of the
                whole batch, at the memory of the activations of one
                microbatch, for one more forward pass (Gao et al., 2021,
                Scaling Deep Contrastive Learning Batch Size under Memory
                Limited Setup). Dropout draws the same in both passes. Batch
                statistics are those of a microbatch. `None`, the default,
                embeds the batch at once.
            run_eagerly: As in `keras.Model.compile`.
            steps_per_execution: As in `keras.Model.compile`.
            jit_compile: As in `keras.Model.compile`. On PyTorch `True` warns
                and stands for `False`: torch.compile would trace the step for
                minutes and gain nothing.
            auto_scale_loss: As in `keras.Model.compile`.

        Raises:
            ValueError: If an argument is not of the right kind: a loss of
                labels, a metric by its name, a size that is no integer.
        """
        loss = loss_object(loss, self.named_losses)
        if microbatch_size is not None:
            microbatch_size = check_positive_int(
                "microbatch_size", microbatch_size
            )
        check_positive_int("steps_per_execution", steps_per_execution)
        with distribution.scope_of(self):
            check_replicas_can(optimizer, steps_per_execution, jit_compile)
        if metrics is None:
            metrics = self.default_metrics()
        metrics = metric_objects(metrics)
        # Keras is not told of the loss: it would call it on labels and
        # predictions, of which there are none.
        super().compile(
            optimizer=optimizer,
            metrics=metrics,
            run_eagerly=run_eagerly,
            steps_per_execution=steps_per_execution,
            jit_compile=usable_jit_compile(jit_compile),
            auto_scale_loss=auto_scale_loss,
        )
        self.loss = loss
        self.microbatch_size = microbatch_size
        self._jit_compile_argument = jit_compile
        # Not in the constructor, after which a subclass may add state of its
        # own; not in `fit`, before which callbacks may restore a checkpoint.
        if not self.built:
            self.build_from_encoders()
        self.leave_undecayed()

    def leave_undecayed(self) -> None:
        # Needs the variables and the optimizer, whichever comes last.
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

    def train_step(self, *args: Any) -> Any:
        # Where no `fit` did so, in a loop of `train_on_batch` for one.
        self.start_equal()
        return train_step.train_step(self, *args)

    def test_step(self, *args: Any) -> Any:
        self.start_equal()
        return train_step.test_step(self, *args)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The scalar to differentiate; `y_pred` is what `embed` returned.

        It also updates the tracker behind `logs["loss"]` with the contrastive
        loss and the layers' own losses, leaving out what a subclass adds.
        """
        loss = self.contrastive_loss(y_pred, sample_weight)
        for layer_loss in self.losses:
            loss = loss + self._aggregate_additional_loss(layer_loss)
        self._loss_tracker.update_state(
            distribution.unscale_loss(loss),
            sample_weight=ops.shape(y_pred["pair"][0])[0],
        )
        return loss

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> Any:
        if isinstance(y_pred, dict) and "pair" in y_pred:
            pair = y_pred["pair"]
            self.health.update_embeddings(*pair)
        else:
            # Keras builds the metrics on what `call` returns, once before
            # training, where only shapes matter.
            pair = (self.embedding_like(y_pred),) * 2
        if self._compile_metrics is not None:
            self._compile_metrics.update_state(*pair, sample_weight)
        return self.get_metrics_result()

    @classmethod
    def from_config(cls, config: dict) -> Any:
        restored = {
            part: keras.saving.deserialize_keras_object(config[part])
            for part in cls.parts
        }
        return cls(**{**config, **restored})
