from collections.abc import Callable
from typing import Any

import keras

from keras_contrastive import distribution


class StepMetrics:
    """The losses and metrics that a compiled model logs.

    It is not a layer, list or dict, because a model tracks those. A built model
    may be compiled again, but Keras does not let it track anything new.

    Args:
        loss: Mean metric behind `logs["loss"]`.
        loss_names: Names of all losses that a method computes.
        metrics: Metrics of embeddings.
        weighted_metrics: Metrics of embeddings that take sample weights.
    """

    def __init__(self, loss, loss_names, metrics, weighted_metrics):
        self.loss = loss
        self.loss_names = tuple(loss_names)
        self.other_losses = {
            name: keras.metrics.Mean(name=name)
            for name in loss_names
            if name != loss.name
        }
        self.metrics = list(metrics)
        self.weighted_metrics = list(weighted_metrics)
        self.built = False

    @property
    def may_lack_variables(self) -> bool:
        """Whether a metric may create variables when it is first updated.

        On JAX and on several replicas all variables must exist before the
        first step. Elsewhere only a checkpoint needs them. Building costs time,
        so a metric with variables is assumed to have all of them.
        """
        if self.built:
            return False
        given = [*self.metrics, *self.weighted_metrics]
        if keras.backend.backend() == "jax" or distribution.num_replicas() > 1:
            return bool(given)
        return not all(metric.variables for metric in given)

    def all(self) -> list[keras.metrics.Metric]:
        """All metrics, in the order of the logs."""
        return [
            self.loss,
            *self.metrics,
            *self.weighted_metrics,
            *self.other_losses.values(),
        ]

    def update_losses(self, losses: dict, total: Any, batch_size: Any) -> None:
        """Adds the losses of a batch to their means over the examples.

        Args:
            losses: Dict with a scalar for each of `loss_names`.
            total: Scalar that is logged as the loss.
            batch_size: Number of examples in the batch.
        """
        self.loss.update_state(total, sample_weight=batch_size)
        for name, tracker in self.other_losses.items():
            tracker.update_state(losses[name], sample_weight=batch_size)

    def update_metrics(
        self,
        arguments: tuple,
        sample_weight: Any,
        takes: Callable[[keras.metrics.Metric], bool] = lambda metric: True,
    ) -> None:
        """Updates the metrics with the arguments that a method passes.

        Args:
            arguments: The positional arguments of each metric.
            sample_weight: Passed to `weighted_metrics`.
            takes: Whether a metric is updated with these arguments.
        """
        for metric in filter(takes, self.metrics):
            metric.update_state(*arguments)
        for metric in filter(takes, self.weighted_metrics):
            metric.update_state(*arguments, sample_weight=sample_weight)
