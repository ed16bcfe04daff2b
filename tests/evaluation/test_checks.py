"""Arguments that are no arrays, in each function that takes arrays."""

import numpy as np
import pytest

from keras_contrastive import curation
from keras_contrastive import evaluation

pytestmark = pytest.mark.one_backend

ROWS = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")
CLASSES = np.arange(12) % 3
PROBE = {
    "train_features": ROWS,
    "train_labels": CLASSES,
    "test_features": ROWS,
    "test_labels": CLASSES,
}
PAIRS = {
    "image_embeddings": ROWS,
    "text_embeddings": ROWS,
    "image_index": np.arange(12),
}
FUNCTIONS = [
    (evaluation.knn_classify, {k: PROBE[k] for k in list(PROBE)[:3]}),
    (evaluation.linear_probe, {**PROBE, "seed": 0}),
    (evaluation.few_shot_probe, {**PROBE, "shots": (1,)}),
    (evaluation.retrieval_recall, PAIRS),
    (
        evaluation.classification_scores,
        {"scores": ROWS[:, :3], "labels": CLASSES, "class_names": list("abc")},
    ),
    (
        evaluation.zero_shot_classify,
        {"image_embeddings": ROWS, "weights": ROWS[:3]},
    ),
    (evaluation.effective_rank, {"features": ROWS}),
    (curation.caption_errors, PAIRS),
    (curation.label_errors, {"embeddings": ROWS, "labels": CLASSES}),
    (curation.leaks, {"train_embeddings": ROWS, "test_embeddings": ROWS}),
    (curation.outliers, {"embeddings": ROWS}),
    (curation.describe_clusters, {"clusters": CLASSES, "labels": CLASSES}),
]
WRONG = ["text", {}, [1, [2]], object(), 1.5]


@pytest.mark.parametrize(
    "function, arguments", FUNCTIONS, ids=lambda x: getattr(x, "__name__", "")
)
def test_errors_name_the_argument(function, arguments):
    quiet = {"verbose": 0} if "test_labels" in arguments else {}
    for argument in arguments:
        for value in WRONG:
            with pytest.raises(ValueError, match=f"`{argument}`"):
                function(**{**arguments, argument: value}, **quiet)
