"""Functions take tensors of the backend wherever they take arrays.

Also tensors with gradients, and on a device that NumPy cannot read: see
`tests/as_on_gpu`.
"""

import keras
import numpy as np
import pytest
from keras import ops

import keras_contrastive as kc
from keras_contrastive import curation
from keras_contrastive import evaluation
from keras_contrastive import visualization

pytestmark = pytest.mark.one_backend

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(12, 4)).astype("float32")
LABELS = np.arange(12) % 3
IMAGES = RNG.integers(0, 256, (12, 8, 8, 3)).astype("uint8")
TEXTS = [f"text {i}" for i in range(12)]


def tensor(array):
    """With a gradient, if PyTorch allows one."""
    array = ops.convert_to_tensor(array)
    if keras.backend.backend() == "torch" and array.is_floating_point():
        array.requires_grad_()
    return array


def encoder():
    return keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(4)]
    )


def simclr():
    model = kc.SimCLRModel(encoder(), kc.layers.ProjectionHead(4, 4))
    model.compile("sgd")
    return model


def index(rows, numbers):
    return kc.index.EmbeddingIndex(rows, numbers, {"number": numbers})


CASES = {
    "caption_choice": lambda x, y, i: evaluation.caption_choice(
        x, x, x[:, None]
    ),
    "classification_scores": lambda x, y, i: evaluation.classification_scores(
        x, y
    ),
    "effective_rank": lambda x, y, i: evaluation.effective_rank(x),
    "extract_features": lambda x, y, i: evaluation.extract_features(
        encoder(), i, verbose=0
    ),
    "few_shot_probe": lambda x, y, i: evaluation.few_shot_probe(
        x, y, x, y, shots=(1,), verbose=0
    ),
    "knn_classify": lambda x, y, i: evaluation.knn_classify(x, y, x, k=2),
    "linear_probe": lambda x, y, i: evaluation.linear_probe(
        x, y, x, y, verbose=0
    ),
    "mean_average_precision": lambda x, y, i: evaluation.mean_average_precision(
        x, x > 0
    ),
    "retrieval_recall": lambda x, y, i: evaluation.retrieval_recall(
        x, x, ops.arange(12)
    ),
    "zero_shot_classify": lambda x, y, i: evaluation.zero_shot_classify(
        x, x[:4]
    ),
    "caption_errors": lambda x, y, i: curation.caption_errors(x, x),
    "cluster": lambda x, y, i: curation.cluster(x, 3),
    "describe_clusters": lambda x, y, i: curation.describe_clusters(y, y),
    "diverse_subset": lambda x, y, i: curation.diverse_subset(x, 3),
    "label_errors": lambda x, y, i: curation.label_errors(x, y),
    "leaks": lambda x, y, i: curation.leaks(x, x),
    "outliers": lambda x, y, i: curation.outliers(x),
    "typical_subset": lambda x, y, i: curation.typical_subset(x, 3),
    "index": lambda x, y, i: index(x, ops.arange(12)).search(x, k=2),
    "near_duplicates": lambda x, y, i: kc.index.near_duplicates(x),
    "channel_statistics": lambda x, y, i: kc.datasets.channel_statistics(
        i, channels=3, verbose=False
    ),
    "linear_classifier": lambda x, y, i: kc.fine_tuning.linear_classifier(
        encoder(), i, y
    ),
    "KNNEvaluation": lambda x, y, i: simclr().fit(
        i,
        verbose=0,
        callbacks=[kc.callbacks.KNNEvaluation((i, y), (i, y), k=2)],
    ),
    "LinearProbeEvaluation": lambda x, y, i: simclr().fit(
        i,
        verbose=0,
        callbacks=[kc.callbacks.LinearProbeEvaluation((i, y), (i, y))],
    ),
    "ImageDataset": lambda x, y, i: simclr().fit(
        kc.datasets.ImageDataset(i, 4, 8), verbose=0
    ),
    "train_on_batch": lambda x, y, i: simclr().train_on_batch(i),
    "predict": lambda x, y, i: simclr().predict(i, verbose=0),
    "PatchFeatures": lambda x, y, i: kc.layers.PatchFeatures(
        4, patch_size=2, strides=1
    ).adapt(i),
}
FIGURES = {
    "plot_embeddings": lambda x, y, i, path: visualization.plot_embeddings(
        x, labels=y, path=path
    ),
    "plot_examples": lambda x, y, i, path: visualization.plot_examples(
        i, path=path
    ),
    "plot_retrieval": lambda x, y, i, path: visualization.plot_retrieval(
        i, TEXTS, x, x, queries=ops.arange(3), path=path
    ),
    "plot_similarity": lambda x, y, i, path: visualization.plot_similarity(
        x, x, path=path
    ),
    "plot_views": lambda x, y, i, path: visualization.plot_views(
        i, kc.layers.RandomFlip(), path=path
    ),
    "report": lambda x, y, i, path: visualization.report(
        simclr(), i, path, labels=y, columns={"number": ops.arange(12)}
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_functions(name):
    CASES[name](tensor(ROWS), tensor(LABELS), tensor(IMAGES))


@pytest.mark.parametrize("name", FIGURES)
def test_figures(name, tmp_path):
    pytest.importorskip("matplotlib", reason="needs the extra `plots`")
    data = tensor(ROWS), tensor(LABELS), tensor(IMAGES)
    FIGURES[name](*data, tmp_path / "figure.svg")
