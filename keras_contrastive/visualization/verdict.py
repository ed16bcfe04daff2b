"""Judges a run in words, based on its numbers."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from keras_contrastive.evaluation.checks import normalize_rows
from keras_contrastive.evaluation.effective_rank import effective_rank
from keras_contrastive.visualization.metric_names import in_words
from keras_contrastive.visualization.scores import Score

SURE = 2  # standard errors
TOO_UNSURE = 0.2  # a margin that allows no statement
# The mean squared length of normalized embeddings after subtracting their mean.
# It was 0.00001 if a network had learned a constant, and 0.001 to 0.01 in
# networks that were hardly trained.
COLLAPSED = 1e-4
ONE_DIMENSION = 1.5
FEW_DIMENSIONS = 0.03  # of those that could be in use
ENOUGH_EPOCHS = 8  # for a statement on the shape of a curve
EARLY = 0.7  # of the epochs: a curve that is flat from there on is flat
LATE = 0.9
STILL_LEARNED = 0.1  # of the training's progress
# Held-out numbers that should rise; the first that was logged is used.
HELD_OUT = (
    "val_text_to_image_recall@10",
    "val_text_to_image_recall@5",
    "val_text_to_image_recall@1",
    "knn_accuracy",
    "linear_probe_accuracy",
    "zero_shot_accuracy",
    "val_contrastive_accuracy",
)


class Finding(NamedTuple):
    """A sentence or two of the verdict.

    Attributes:
        kind: `"good"`, `"warning"`, `"bad"` or `"note"`.
        text: String.
    """

    kind: str
    text: str


def judge(
    logs: Mapping[str, np.ndarray],
    scores: Sequence[Score],
    untrained: Mapping[str, float],
    embeddings: np.ndarray,
) -> list[Finding]:
    """The verdict.

    Args:
        logs: Dict of arrays, one number per epoch; NaN where not measured.
        scores: List of `Score`, or empty.
        untrained: The values that scores had before training, by their keys.
        embeddings: Array, shape `(n, d)`.

    Returns:
        List of `Finding`, the most important one first.
    """
    findings = [
        diverged(logs),
        collapsed(embeddings),
        learned(main_score(scores), untrained)
        if scores
        else learned_to_match_views(logs),
        shape_of_curve(logs),
    ]
    return [finding for finding in findings if finding is not None]


def main_score(scores: Sequence[Score]) -> Score:
    """The most stable score: the class, or captions at the most ranks."""
    direction = scores[0].key.partition("@")[0]
    return [s for s in scores if s.key.partition("@")[0] == direction][-1]


def diverged(logs: Mapping[str, np.ndarray]) -> Finding | None:
    loss = logs.get("loss")
    if loss is None or np.isfinite(loss[-1]):
        return None
    finite = np.flatnonzero(np.isfinite(loss))
    last = int(finite[-1]) + 1 if len(finite) else 0
    return Finding(
        "bad",
        f"Training diverged: the loss is not finite since epoch {last + 1}. "
        "Lower the learning rate.",
    )


def collapsed(embeddings: np.ndarray) -> Finding | None:
    """Whether embeddings are equal, or differ in only a few dimensions."""
    if len(embeddings) < 2:
        return None
    unit = normalize_rows(embeddings).astype("float64")
    centered = unit - unit.mean(axis=0)
    if np.mean(np.sum(centered**2, axis=1)) < COLLAPSED:
        return Finding(
            "bad",
            "It has collapsed: all images have nearly the same embedding. "
            "Lower the learning rate, or use a larger batch.",
        )
    rank = effective_rank(centered)
    in_use = f"{rank:.1f} of {embeddings.shape[1]} dimensions"
    if rank < ONE_DIMENSION:
        return Finding(
            "bad",
            f"It has collapsed: the embeddings differ in {in_use} only.",
        )
    if rank < FEW_DIMENSIONS * min(embeddings.shape):
        return Finding(
            "warning",
            f"The embeddings differ in {in_use} only, too few to distinguish "
            "many images.",
        )
    return None


def learned(score: Score, untrained: Mapping[str, float]) -> Finding:
    """Whether a score is better than all of its baselines."""
    before = untrained.get(score.key)
    possible = {
        "before training": before,
        "by always naming the most frequent class": score.majority,
        "by chance": score.chance,
    }
    others = {name: each for name, each in possible.items() if each is not None}
    name, best = max(others.items(), key=lambda other: other[1])
    listed = ", ".join(f"{each:.1%} {name}" for name, each in others.items())
    numbers = f"{score.name}: {score.value:.1%}; {listed}."
    margin = SURE * standard_error(score.value, best, score.num_asked)
    if score.value <= best + margin and margin > TOO_UNSURE:
        return Finding(
            "note",
            f"Too few images to tell whether it has learned. {numbers}",
        )
    if score.value > best + margin:
        if before is None:
            return Finding(
                "note",
                f"Better than chance: {numbers} An untrained network may be, "
                "too, and was not measured.",
            )
        return Finding("good", f"It has learned: {numbers}")
    if score.value > score.chance + margin:
        return Finding(
            "warning",
            f"It is not clearly better than what one gets {name}: {numbers}",
        )
    return Finding("bad", f"No clear sign of learning: {numbers}")


def standard_error(first: float, second: float, count: int) -> float:
    """The maximum standard error of the difference of two shares of `count`."""
    variances = first * (1 - first) + second * (1 - second)
    # A difference of one hit is never significant.
    return float(np.sqrt(variances / count)) + 0.5 / count


def learned_to_match_views(logs: Mapping[str, np.ndarray]) -> Finding:
    """The finding for data without classes and captions."""
    text = (
        "Without classes or captions no number can say whether these "
        "embeddings are useful: look at the neighbors and the map below."
    )
    matched = logs.get("contrastive_accuracy")
    if matched is not None:
        matched = matched[np.isfinite(matched)]
        text = (
            f"Two views of an image find each other in {matched[-1]:.1%} of "
            f"cases, {matched[0]:.1%} in the first epoch. {text}"
        )
    return Finding("note", text)


def shape_of_curve(logs: Mapping[str, np.ndarray]) -> Finding | None:
    """Whether held-out numbers still rise, are flat, or fall."""
    name = next((name for name in HELD_OUT if name in logs), None)
    if name is None:
        return None
    epochs: np.ndarray = np.flatnonzero(np.isfinite(logs[name])) + 1
    if len(epochs) < ENOUGH_EPOCHS:
        return None
    values = logs[name][epochs - 1]
    window = max(3, len(values) // 10)
    smooth = np.convolve(values, np.ones(window) / window, mode="valid")
    # The noise of a mean over a window, from differences of consecutive values.
    noise = np.std(np.diff(values)) / np.sqrt(2 * window) + 0.005
    top = np.flatnonzero(smooth >= smooth.max() - SURE * noise)[0]
    # The middle of the window.
    since, last = int(epochs[top + window // 2]), len(logs[name])
    words = in_words(name.removeprefix("val_"))
    if since > LATE * last:
        return Finding(
            "note",
            f"On held-out images, “{words}” still improved when training "
            "ended: more epochs may help.",
        )
    progress = progress_after(logs, since)
    if since > EARLY * last or progress is None or progress < STILL_LEARNED:
        return None
    falls = smooth[-1] < smooth.max() - 2 * SURE * noise
    state = "falls after" if falls else "is flat since"
    return Finding(
        "warning",
        f"It overfits: on held-out images, “{words}” {state} epoch {since} of "
        f"{last}, near {smooth.max():.0%}, while the loss in training falls "
        "on. More images help most; stronger augmentation or fewer epochs may.",
    )


def progress_after(logs: Mapping[str, np.ndarray], epoch: int) -> float | None:
    """The fraction of the decrease of the loss that came after an epoch."""
    loss = logs.get("loss")
    if loss is None or not np.all(np.isfinite(loss)):
        return None
    window = max(1, len(loss) // 20)
    first, then, last = (
        np.mean(part)
        for part in (
            loss[:window],
            loss[max(0, epoch - window) : epoch],
            loss[-window:],
        )
    )
    return float((then - last) / (first - last)) if first > last else 0.0
