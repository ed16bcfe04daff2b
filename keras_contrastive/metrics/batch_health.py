import contextlib
from typing import Any
from typing import NamedTuple

import keras
from keras import ops

from keras_contrastive import distribution
from keras_contrastive.normalization import l2_normalize
from keras_contrastive.validation import concrete

# What may be wrong with a batch.
INPUTS = "inputs"  # NaN or infinite
IMAGES = "images"  # outside their range
DARK_IMAGES = "dark_images"  # most likely of another range
TOKENS = "tokens"  # ids outside the vocabulary
ENDS = "ends"  # texts without the end token
LABELS = "labels"  # classes that the probe has not
LOSS = "loss"  # NaN or infinite
KINDS = (INPUTS, IMAGES, DARK_IMAGES, TOKENS, ENDS, LABELS, LOSS)


class Finding(NamedTuple):
    """What was found of one kind.

    The last fields are of the first bad batch. Where several replicas had
    one, they are means over these, and `place` is unknown.
    """

    batches: int  # looked at
    examples: int  # looked at
    bad_batches: int
    bad_examples: int
    batch: int  # its number, counted from 0
    place: int | None  # of the first bad example in it, counted from 0
    low: float  # lowest value
    high: float  # highest value
    expected: Any  # what the values should have been

    @classmethod
    def of_batch(cls, bad, low=0.0, high=0.0, expected=None):
        """That of one batch, whose values can be looked at; or `None`."""
        bad = concrete(bad)
        if bad is None or not bad.any():
            return None
        count, place = int(bad.sum()), int(bad.argmax())
        low, high = float(concrete(low)), float(concrete(high))
        return cls(1, len(bad), 1, count, 0, place, low, high, expected)


# The sums of a kind: all but what is expected, and how many replicas found
# something.
_NUM_SUMS = len(Finding._fields)


@keras.saving.register_keras_serializable(package="keras_contrastive")
class BatchHealth(keras.metrics.Metric):
    """Sums over batches of what a silent failure would show in.

    The steps update it on the device, since only there is the data of every
    kind of pipeline seen. `callbacks.TrainingHealth` reads it in `fit`, the
    model's other entries at their end. It adds nothing to the logs. Every
    state is a sum, which also is what replicas combine by.

    Args:
        name: Name of the metric.
    """

    def __init__(self, name="batch_health"):
        # A float16 could not count beyond 2048, whatever `floatx` is.
        super().__init__(name=name, dtype="float32")
        self.batches = self._sum("batches")
        self.examples = self._sum("examples")
        self.spread = self._sum("spread")
        self.spread_batches = self._sum("spread_batches")
        self._findings = [self._sum(kind, (_NUM_SUMS,)) for kind in KINDS]
        self._expected = {}

    def _sum(self, name, shape=()):
        return self.add_weight(name=name, shape=shape, initializer="zeros")

    def record(self, kind, bad, low=0.0, high=0.0, expected=None):
        """Counts the bad examples of a batch.

        Args:
            kind: One of `KINDS`.
            bad: Bool tensor of shape `(batch,)`.
            low: Float32 scalar, the lowest value of the batch.
            high: Float32 scalar, the highest value of the batch.
            expected: What the values should be, for a message.
        """
        self._expected[kind] = expected
        state = self._findings[KINDS.index(kind)]
        seen = ops.convert_to_tensor(state)
        bad = ops.cast(bad, "float32")
        count = ops.sum(bad)
        is_bad = ops.cast(count > 0, "float32")
        is_first = ops.logical_and(count > 0, seen[-1] == 0)

        def of_first(value):
            return ops.where(is_first, ops.cast(value, "float32"), 0.0)

        state.assign_add(
            ops.stack(
                [
                    ops.ones(()),
                    ops.cast(ops.shape(bad)[0], "float32"),
                    is_bad,
                    count,
                    of_first(seen[0]),
                    of_first(ops.argmax(bad)),
                    of_first(low),
                    of_first(high),
                    of_first(1.0),
                ]
            )
        )

    def update_embeddings(self, first, second):
        """Looks at two batches of embeddings, each of shape (batch, dim).

        Their spread is the mean over dimensions of the standard deviation of
        the normalised embeddings, times sqrt(dim): 1 where they fill the
        sphere, 0 where they all are one point. Embeddings that are not finite
        have none: the loss shows them.
        """
        self.batches.assign_add(1.0)
        self.examples.assign_add(ops.cast(ops.shape(first)[0], "float32"))
        for embeddings in (first, second):
            deviation = ops.std(l2_normalize(embeddings), axis=0)
            spread = ops.mean(deviation) * embeddings.shape[-1] ** 0.5
            has_spread = ops.isfinite(spread)
            self.spread.assign_add(ops.where(has_spread, spread, 0.0))
            self.spread_batches.assign_add(ops.cast(has_spread, "float32"))

    def result(self):
        """An empty dict: nothing for the logs."""
        return {}

    def summary(self, of_process=False):
        """What all replicas saw since the last reset.

        Args:
            of_process: Whether to leave out what other processes saw, for
                entries that one process may call alone.

        Returns:
            Dict with `"batches"`, `"examples"`, `"spread"` (NaN where no batch
            had one) and `"findings"`, a dict of a `Finding` for each kind of
            which there are bad examples.
        """
        shared = [] if of_process else self.variables
        with distribution.sums_over_replicas(shared):
            values = [ops.convert_to_numpy(v) for v in self.variables]
        batches, examples, spread, spread_batches, *findings = values
        spread, with_spread = float(spread), float(spread_batches)
        return {
            "batches": int(batches),
            "examples": int(examples),
            "spread": spread / with_spread if with_spread else float("nan"),
            "findings": {
                kind: _as_finding(state.tolist(), self._expected.get(kind))
                for kind, state in zip(KINDS, findings, strict=True)
                if state[2] > 0
            },
        }

    @contextlib.contextmanager
    def set_aside(self):
        """A context that starts from zero, and gives back what was before."""
        before = [ops.convert_to_numpy(v) for v in self.variables]
        self.reset_state()
        try:
            yield
        finally:
            for variable, value in zip(self.variables, before, strict=True):
                variable.assign(value)


def _as_finding(state, expected):
    *counts, batch, place, low, high, replicas = state
    # `replicas` is at least 1 but for sums that a strategy split and rounded.
    replicas = max(round(replicas), 1)
    return Finding(
        *map(round, counts),
        batch=round(batch / replicas),
        place=round(place) if replicas == 1 else None,
        low=low / replicas,
        high=high / replicas,
        expected=expected,
    )
