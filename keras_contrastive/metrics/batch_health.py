import keras
from keras import ops

from keras_contrastive import distribution
from keras_contrastive.normalization import l2_normalize

# How far outside its range a float image may reach, as a share of the range:
# bicubic resizing overshoots by less than this, images normalised by mean and
# standard deviation or left in 0 to 255 by more.
_OVERSHOOT = 0.25


@keras.saving.register_keras_serializable(package="keras_contrastive")
class BatchHealth(keras.metrics.Metric):
    """Sums over batches of what a silent failure would show in.

    The train step updates it on the device, since only there is the data of
    every kind of pipeline seen; `callbacks.TrainingHealth` reads it. It adds
    nothing to the logs. Every state is a sum, which also is what replicas
    combine by.

    Args:
        name: Name of the metric.
    """

    def __init__(self, name="batch_health"):
        # A float16 could not count beyond 2048, whatever `floatx` is.
        super().__init__(name=name, dtype="float32")
        self.input_batches = self._sum("input_batches")
        self.not_finite = self._sum("not_finite")
        self.bad_inputs = self._sum("bad_inputs")
        self.first_bad_input = self._sum("first_bad_input")
        self.out_of_range = self._sum("out_of_range")
        self.minimum = self._sum("minimum")
        self.maximum = self._sum("maximum")
        self.without_end = self._sum("without_end")
        self.batches = self._sum("batches")
        self.examples = self._sum("examples")
        self.spread = self._sum("spread")

    def _sum(self, name):
        return self.add_weight(name=name, shape=(), initializer="zeros")

    def update_inputs(self, inputs, value_range):
        """Looks at a batch of inputs.

        Args:
            inputs: List of float tensors of one batch size.
            value_range: The `(lowest, highest)` value that the first of them,
                images, should have, or `None` where nobody knows.
        """
        self.input_batches.assign_add(1.0)
        finite = [ops.isfinite(x) for x in inputs]
        all_finite = True
        for x in finite:
            axes = tuple(range(1, len(x.shape)))
            all_finite = ops.logical_and(all_finite, ops.all(x, axis=axes))
        bad = ops.logical_not(all_finite)
        self.not_finite.assign_add(ops.cast(ops.any(bad), "float32"))
        self.bad_inputs.assign_add(ops.sum(ops.cast(bad, "float32")))
        # Its place in the batch: as a sum, that of one bad batch alone.
        place = ops.argmax(ops.cast(bad, "int32"))
        self.first_bad_input.assign_add(ops.cast(place, "float32"))
        if value_range is None:
            return
        low, high = value_range
        images = ops.where(finite[0], ops.cast(inputs[0], "float32"), low)
        minimum, maximum = ops.min(images), ops.max(images)
        margin = _OVERSHOOT * (high - low)
        outside = ops.logical_or(
            minimum < low - margin, maximum > high + margin
        )
        self.out_of_range.assign_add(ops.cast(outside, "float32"))
        self.minimum.assign_add(minimum)
        self.maximum.assign_add(maximum)

    def update_tokens(self, tokens, end_id):
        """Looks at a batch of token ids, shape (batch, length)."""
        has_end = ops.any(ops.equal(tokens, end_id), axis=1)
        self.without_end.assign_add(ops.sum(1.0 - ops.cast(has_end, "float32")))

    def update_embeddings(self, first, second):
        """Looks at two batches of embeddings, each of shape (batch, dim).

        Their spread is the mean over dimensions of the standard deviation of
        the normalised embeddings, times sqrt(dim): 1 where they fill the
        sphere, 0 where they all are one point.
        """
        self.batches.assign_add(1.0)
        self.examples.assign_add(ops.cast(ops.shape(first)[0], "float32"))
        for embeddings in (first, second):
            deviation = ops.std(l2_normalize(embeddings), axis=0)
            spread = ops.mean(deviation) * embeddings.shape[-1] ** 0.5
            self.spread.assign_add(spread / 2)

    def result(self):
        """An empty dict: nothing for the logs."""
        return {}

    def summary(self):
        """What all replicas saw since the last reset, as Python numbers."""
        with distribution.sums_over_replicas(self.variables):
            total = {
                v.name: float(ops.convert_to_numpy(v)) for v in self.variables
            }
        inputs = max(total["input_batches"], 1)
        batches = max(total["batches"], 1)
        return {
            "batches": int(total["batches"]),
            "examples": int(total["examples"]),
            "not_finite": int(total["not_finite"]),
            "bad_inputs": int(total["bad_inputs"]),
            "first_bad_input": int(total["first_bad_input"]),
            "out_of_range": int(total["out_of_range"]),
            "minimum": total["minimum"] / inputs,
            "maximum": total["maximum"] / inputs,
            "without_end": int(total["without_end"]),
            "spread": total["spread"] / batches,
        }
