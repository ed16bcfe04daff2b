"""What a model has learned, against what needs no learning."""

from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

import numpy as np

from keras_contrastive.cli.embed import embed_images
from keras_contrastive.evaluation.knn_classify import knn_classify
from keras_contrastive.evaluation.retrieval_recall import retrieval_recall

NEIGHBORS = 20


class Score(NamedTuple):
    """A number of a model, and those to compare it with.

    Attributes:
        name: What is measured.
        value: Float from 0 to 1.
        chance: Float, what guessing reaches.
        majority: Float, what the most frequent class reaches, or `None`.
    """

    name: str
    value: float
    chance: float
    majority: float | None = None


def measure(model: Any, sample: Mapping[str, Any]) -> list[Score]:
    """The scores of a model.

    Args:
        model: Model of a run.
        sample: The arguments of `visualization.report` that hold images, and
            their labels, or their captions and a tokenizer.

    Returns:
        List of `Score`: of captions, how often they find their image among
        all; of classes, the kNN accuracy of every second image among the
        others; none of other images.
    """
    images = sample["images"]
    if len(images) < 2:
        return []
    if "captions" in sample:
        return _recall(model, **sample)
    if sample.get("labels") is None:
        return []
    labels = np.asarray(sample["labels"])
    embeddings = embed_images(model, images, verbose=0)
    predicted = knn_classify(
        embeddings[::2],
        labels[::2],
        embeddings[1::2],
        k=min(NEIGHBORS, len(images) // 2),
    )
    known, asked = labels[::2], labels[1::2]
    majority = np.bincount(known).argmax()
    return [
        Score(
            f"class of {len(asked):,} images by their neighbors",
            float(np.mean(predicted == asked)),
            1 / len(np.unique(labels)),
            float(np.mean(asked == majority)),
        )
    ]


def _recall(model, images, captions, image_index, tokenizer):
    tokens = tokenizer(list(captions))
    texts = model.predict({"texts": tokens}, verbose=0)["text_embeddings"]
    embeddings = embed_images(model, images, verbose=0)
    ks = [k for k in (1, 10) if k < len(images)]
    recall = retrieval_recall(embeddings, texts, image_index, ks=ks)
    return [
        Score(
            f"held-out captions with their image "
            f"{'first' if k == 1 else f'among the first {k}'} of "
            f"{len(images):,}",
            recall[f"text_to_image_recall@{k}"],
            k / len(images),
        )
        for k in ks
    ]


def print_scores(trained: list[Score], untrained: list[Score]) -> None:
    """Prints each score beside chance, the untrained model and the majority."""
    for after, before in zip(trained, untrained, strict=True):
        print(f"{after.name}: {after.value:.1%}")
        majority = (
            f", most frequent class {after.majority:.1%}"
            if after.majority is not None
            else ""
        )
        print(
            f"  untrained {before.value:.1%}, chance {after.chance:.1%}"
            f"{majority}"
        )
