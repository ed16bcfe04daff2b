"""Scores of a model, and of baselines that need no training."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_contrastive.cli.embedding import embed_images
from keras_contrastive.cli.embedding import embed_texts
from keras_contrastive.visualization.scores import Score
from keras_contrastive.visualization.scores import class_score
from keras_contrastive.visualization.scores import recall_scores

# The retrieval scores that are printed.
PRINTED = ("text_to_image_recall@1", "text_to_image_recall@10")


def measure(model: Any, sample: Mapping[str, Any]) -> list[Score]:
    """The scores of a model.

    Args:
        model: Model of a run.
        sample: The arguments of `visualization.report` that hold images, and
            their labels, or their captions and a tokenizer.

    Returns:
        List of `Score`. With captions, the recall of text-to-image and
        image-to-text retrieval. With labels, the kNN accuracy of every second
        image, classified by the others. Otherwise empty.
    """
    images = sample["images"]
    if len(images) < 2:
        return []
    if "captions" in sample:
        captions = list(sample["captions"])
        texts = embed_texts(model, sample["tokenizer"], captions)
        embeddings = embed_images(model, images, verbose=0)
        return recall_scores(embeddings, texts, sample["image_index"])
    if sample.get("labels") is None:
        return []
    embeddings = embed_images(model, images, verbose=0)
    return [class_score(embeddings, np.asarray(sample["labels"]))]


def print_scores(
    trained: Sequence[Score], untrained: Mapping[str, float]
) -> None:
    """Prints each score and its baselines: untrained, chance, majority."""
    for score in trained:
        of_captions = "recall" in score.key
        if of_captions and score.key not in PRINTED:
            continue
        name = f"held-out {score.name}" if of_captions else score.name
        print(f"{name}: {score.value:.1%}")
        majority = (
            f", most frequent class {score.majority:.1%}"
            if score.majority is not None
            else ""
        )
        # Classes or captions may be gone, or new, since the run began.
        before = (
            f"untrained {untrained[score.key]:.1%}, "
            if score.key in untrained
            else ""
        )
        print(f"  {before}chance {score.chance:.1%}{majority}")
