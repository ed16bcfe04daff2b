"""Scores of a model, each with baselines that need no learning."""

from typing import NamedTuple

import numpy as np

from keras_contrastive.evaluation.knn_classify import knn_classify
from keras_contrastive.evaluation.retrieval_recall import retrieval_recall

NEIGHBORS = 20
RANKS = (1, 5, 10)


class Score(NamedTuple):
    """A score of a model, and its baselines.

    Attributes:
        key: The name in logs, such as `"text_to_image_recall@1"`.
        name: What is measured, in words.
        value: Float from 0 to 1.
        chance: Float, the score of guessing.
        num_asked: Int, the number of query images or captions.
        majority: Float, the score of the most frequent class, or `None`.
    """

    key: str
    name: str
    value: float
    chance: float
    num_asked: int
    majority: float | None = None


def class_score(embeddings: np.ndarray, labels: np.ndarray) -> Score:
    """The kNN accuracy of every second image among the others."""
    predicted = knn_classify(
        embeddings[::2],
        labels[::2],
        embeddings[1::2],
        k=min(NEIGHBORS, len(embeddings) // 2),
    )
    known, asked = labels[::2], labels[1::2]
    majority = np.bincount(known).argmax()
    return Score(
        "knn_accuracy",
        f"class of {len(asked):,} images by their neighbors",
        float(np.mean(predicted == asked)),
        1 / len(np.unique(labels)),
        len(asked),
        float(np.mean(asked == majority)),
    )


def recall_scores(
    image_embeddings: np.ndarray,
    text_embeddings: np.ndarray,
    image_index: np.ndarray,
) -> list[Score]:
    """The recalls of text-to-image and image-to-text retrieval.

    Args:
        image_embeddings: Array, shape `(n, d)`.
        text_embeddings: Array, shape `(m, d)`.
        image_index: Ints, shape `(m,)`, the image of each caption. Every image
            has one.

    Returns:
        The scores of text-to-image retrieval, then of image-to-text retrieval,
        with increasing k.
    """
    num_images, num_texts = len(image_embeddings), len(text_embeddings)
    ks = [k for k in RANKS if k == 1 or k < num_images]
    recalls = retrieval_recall(
        image_embeddings, text_embeddings, image_index, ks=ks
    )
    captions = np.bincount(image_index, minlength=num_images)
    scores = []
    for k in ks:
        key = f"text_to_image_recall@{k}"
        name = f"captions with their image {_among(k)} of {num_images:,}"
        chance = k / num_images
        scores.append(Score(key, name, recalls[key], chance, num_texts))
    for k in ks:
        key = f"image_to_text_recall@{k}"
        name = f"images with a caption of theirs {_among(k)} of {num_texts:,}"
        chance = float(np.mean(chance_of_any(captions, k, num_texts)))
        scores.append(Score(key, name, recalls[key], chance, num_images))
    return scores


def chance_of_any(right, drawn, total):
    """The probability that a random draw contains a correct candidate."""
    # Each factor is the probability that one more draw of the rest misses.
    misses = np.ones(len(right))
    for before in range(drawn):
        misses *= np.clip(1 - right / max(total - before, 1), 0, 1)
    return 1 - misses


def _among(k):
    return "first" if k == 1 else f"among the first {k}"
