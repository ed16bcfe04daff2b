import contextlib
from typing import Any
from typing import NamedTuple

import keras
from keras import ops

from keras_contrastive import distribution
from keras_contrastive.data_validation import concrete
from keras_contrastive.normalization import l2_normalize

# Possible problems of a batch.
INPUTS = "inputs"  # NaN or infinite
IMAGES = "images"  # outside their range
DARK_IMAGES = "dark_images"  # most likely of another range
TOKENS = "tokens"  # ids outside the vocabulary
ENDS = "ends"  # texts without the end token
LABELS = "labels"  # classes that the probe lacks
LOSS = "loss"  # NaN or infinite
KINDS = (INPUTS, IMAGES, DARK_IMAGES, TOKENS, ENDS, LABELS, LOSS)
# Those that the inputs of each encoder may have.
_INPUT_KINDS = (INPUTS, IMAGES, DARK_IMAGES, TOKENS, ENDS)
_OF = " of "


def kind_of_part(kind, part):
    """The kind of a part of the data, the kind itself without a part."""
    return kind if part is None else f"{kind}{_OF}{part}"


def split_kind(kind):
    """Undoes `kind_of_part`: one of `KINDS`, and a part or `None`."""
    kind, _, part = kind.partition(_OF)
    return kind, part or None


class Finding(NamedTuple):
    """The problems of one kind.

    The last fields describe the first bad batch. If several replicas had a bad
    batch, these fields are means over those replicas, and `place` is unknown.
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
        """The finding of one batch with concrete values, or `None`."""
        bad = concrete(bad)
        if bad is None or not bad.any():
            return None
        count, place = int(bad.sum()), int(bad.argmax())
        low, high = float(concrete(low)), float(concrete(high))
        return cls(1, len(bad), 1, count, 0, place, low, high, expected)


# The sums of a kind: all fields but `expected`, and the number of replicas that
# found bad examples.
_NUM_SUMS = len(Finding._fields)


@keras.saving.register_keras_serializable(package="keras_contrastive")
class TrainingStatistics(keras.metrics.Metric):
    """Accumulates statistics that reveal silent failures.

    The steps update it on the device, since only the device sees the data of
    every kind of pipeline. `callbacks.TrainingHealth` reads it in `fit`; the
    model's other entry points read it at their end. It adds nothing to the
    logs. Every state is a sum, so replicas can combine their states by adding.

    Args:
        name: Name of the metric.
    """

    def __init__(self, name="training_statistics"):
        super().__init__(name=name, dtype="float32")
        self.batches = self._sum("batches")
        self.examples = self._sum("examples")
        self.spread = self._sum("spread")
        self.spread_batches = self._sum("spread_batches")
        self._kinds = KINDS
        self._findings = [self._sum(kind, (_NUM_SUMS,)) for kind in KINDS]
        self._expected = {}

    def add_parts(self, parts):
        """Records the inputs of several parts of the data separately."""
        for part in parts:
            kinds = [kind_of_part(kind, part) for kind in _INPUT_KINDS]
            self._kinds = (*self._kinds, *kinds)
            for kind in kinds:
                self._findings.append(self._sum(kind, (_NUM_SUMS,)))

    def _sum(self, name, shape=()):
        # Not `floatx`, since float16 cannot count beyond 2048.
        return self.add_weight(
            name=name, shape=shape, initializer="zeros", dtype="float32"
        )

    def record(self, kind, bad, low=0.0, high=0.0, expected=None):
        """Counts the bad examples of a batch.

        Args:
            kind: One of `KINDS`, or the `kind_of_part` of one.
            bad: Bool tensor of shape `(batch,)`.
            low: Float32 scalar, the lowest value of the batch.
            high: Float32 scalar, the highest value of the batch.
            expected: What the values should be, for a message.
        """
        self._expected[kind] = expected
        state = self._findings[self._kinds.index(kind)]
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
                    ops.ones((), "float32"),
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

    def update_embeddings(self, *embeddings):
        """Updates the spread of embeddings, each of shape `(batch, dim)`.

        The spread is the mean over dimensions of the standard deviation of the
        normalized embeddings, times sqrt(dim): 1 if they fill the sphere, 0 if
        they all are one point. Embeddings that are not finite are left out: the
        loss reveals them.
        """
        self.batches.assign_add(1.0)
        self.examples.assign_add(
            ops.cast(ops.shape(embeddings[0])[0], "float32")
        )
        for view in embeddings:
            deviation = ops.std(l2_normalize(view), axis=0)
            spread = ops.mean(deviation) * view.shape[-1] ** 0.5
            has_spread = ops.isfinite(spread)
            self.spread.assign_add(ops.where(has_spread, spread, 0.0))
            self.spread_batches.assign_add(ops.cast(has_spread, "float32"))

    def result(self):
        """An empty dict, since the statistics are not logged."""
        return {}

    def summary(self, of_process=False):
        """Everything that all replicas recorded since the last reset.

        Args:
            of_process: Whether to leave out what other processes recorded, for
                entry points that a single process may call.

        Returns:
            Dict with `"batches"`, `"examples"`, `"spread"` (NaN if no batch
            had one) and `"findings"`, a dict with a `Finding` for each kind
            that has bad examples.
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
                for kind, state in zip(self._kinds, findings, strict=True)
                if state[2] > 0
            },
        }

    @contextlib.contextmanager
    def set_aside(self):
        """A context that starts from zero and restores the state afterwards."""
        before = [ops.convert_to_numpy(v) for v in self.variables]
        self.reset_state()
        try:
            yield
        finally:
            for variable, value in zip(self.variables, before, strict=True):
                variable.assign(value)


def _as_finding(state, expected):
    *counts, batch, place, low, high, replicas = state
    # `replicas` can be below 1 only if a strategy split and rounded the sums.
    replicas = max(round(replicas), 1)
    return Finding(
        *map(round, counts),
        batch=round(batch / replicas),
        place=round(place) if replicas == 1 else None,
        low=low / replicas,
        high=high / replicas,
        expected=expected,
    )
