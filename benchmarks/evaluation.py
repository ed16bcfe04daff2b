"""Evaluation beside other packages: kNN, retrieval and a linear probe.

    python benchmarks/evaluation.py

On random features of 512 numbers, of ten classes that overlap: 50,000 training
and 10,000 test rows for the weighted kNN (k = 200) and the linear probe, 5,000
images and 25,000 texts for retrieval, in both directions. `--run '["PANEL",
"CONTENDER"]'` prints what a contender answers, too. Writes a table and a plot
into `benchmarks/results/`.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from side_by_side import compare

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--rounds", default=3, type=int)
parser.add_argument("--run", help="one contender, in its own process")

KNN, RETRIEVAL, PROBE = (
    "kNN, 50,000 x 10,000, test rows",
    "retrieval, 5,000 x 25,000, images and texts",
    "linear probe on 50,000, training rows",
)
OURS = ["ours (TensorFlow)", "ours (JAX)", "ours (PyTorch)"]
PANELS = {
    KNN: ["scikit-learn", "faiss", "lightly", *OURS],
    RETRIEVAL: ["faiss", "PyTorch", "ours"],
    PROBE: ["scikit-learn", "ours, L-BFGS", "ours, SGD"],
}
NUM_TRAIN, NUM_TEST, DIM, CLASSES = 50_000, 10_000, 512, 10
K, TEMPERATURE = 200, 0.1


def labelled_features():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(CLASSES, DIM)).astype("float32")

    def split(count):
        labels = rng.integers(0, CLASSES, count)
        noise = 8 * rng.standard_normal((count, DIM), dtype="float32")
        return centres[labels] + noise, labels

    return *split(NUM_TRAIN), *split(NUM_TEST)


def image_and_text_features():
    rng = np.random.default_rng(0)
    images = rng.standard_normal((5_000, DIM), dtype="float32")
    noise = 5 * rng.standard_normal((25_000, DIM), dtype="float32")
    image_index = np.repeat(np.arange(5_000), 5)
    return images, images[image_index] + noise, image_index


def normalized(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def knn(name):
    train, labels, test, truth = labelled_features()
    if name == "scikit-learn":
        from sklearn.neighbors import KNeighborsClassifier

        start = time.perf_counter()
        # Of unit vectors, 1 - distance^2 / 2 is the cosine.
        classifier = KNeighborsClassifier(
            K,
            weights=lambda d: np.exp(-(d**2) / 2 / TEMPERATURE),
            algorithm="brute",
        ).fit(normalized(train), labels)
        found = classifier.predict(normalized(test))
    elif name == "faiss":
        import faiss

        start = time.perf_counter()
        index = faiss.IndexFlatIP(DIM)
        index.add(normalized(train))
        similarity, neighbour = index.search(normalized(test), K)
        weights = np.exp(similarity / TEMPERATURE)
        votes = [
            np.bincount(labels[row], weight, CLASSES)
            for row, weight in zip(neighbour, weights, strict=True)
        ]
        found = np.argmax(votes, axis=1)
    elif name == "lightly":
        import peers

        peers.make_torchvision_importable()
        import torch
        from lightly.utils.benchmarking.knn import knn_predict

        start = time.perf_counter()
        bank = torch.tensor(normalized(train)).T.contiguous()
        # In chunks of the size of its own benchmark's batches.
        found = [
            knn_predict(
                chunk, bank, torch.tensor(labels), CLASSES, K, TEMPERATURE
            )[:, 0]
            for chunk in torch.tensor(normalized(test)).split(512)
        ]
        found = torch.cat(found).numpy()
    else:
        knn_classify = _evaluation().knn_classify
        start = time.perf_counter()
        found = knn_classify(train, labels, test, K, TEMPERATURE)
    seconds = time.perf_counter() - start
    print(f"{name}: accuracy {np.mean(found == truth):.4f}")
    return NUM_TEST / seconds


def retrieval(name):
    images, texts, image_index = image_and_text_features()
    start = time.perf_counter()
    if name == "ours":
        retrieval_recall = _evaluation().retrieval_recall
        start = time.perf_counter()
        recall = retrieval_recall(images, texts, image_index)
        answer = list(recall.values())
    else:
        search = _faiss_search if name == "faiss" else _pytorch_search
        images, texts = normalized(images), normalized(texts)
        answer = []
        for queries, right, keys, own in (
            (images, np.arange(5_000), texts, image_index),
            (texts, image_index, images, np.arange(5_000)),
        ):
            found = own[search(queries, keys, 10)] == right[:, None]
            answer.append([found[:, :k].any(1).mean() for k in (1, 5, 10)])
        answer = np.ravel(answer)
    seconds = time.perf_counter() - start
    print(f"{name}: recalls {np.round(answer, 4)}")
    return (len(images) + len(texts)) / seconds


def _faiss_search(queries, keys, k):
    import faiss

    index = faiss.IndexFlatIP(DIM)
    index.add(keys)
    return index.search(queries, k)[1]


def _pytorch_search(queries, keys, k):
    """As open_clip's users evaluate: all similarities, then the largest."""
    import torch

    keys = torch.tensor(keys).T
    chunks = torch.tensor(queries).split(1_000)
    return torch.cat([(x @ keys).topk(k).indices for x in chunks]).numpy()


def probe(name):
    train, labels, test, truth = labelled_features()
    if name.startswith("ours"):
        linear_probe = _evaluation().linear_probe
        solver = "lbfgs" if name == "ours, L-BFGS" else "sgd"
        start = time.perf_counter()
        scores = linear_probe(
            train, labels, test, truth, verbose=0, solver=solver
        )
        accuracy = scores["accuracy"]
    else:
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        start = time.perf_counter()
        classifier = make_pipeline(
            StandardScaler(), LogisticRegression(max_iter=1000)
        )
        accuracy = classifier.fit(train, labels).score(test, truth)
    seconds = time.perf_counter() - start
    print(f"{name}: accuracy {accuracy:.4f}")
    return NUM_TRAIN / seconds


def _evaluation():
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from keras_contrastive import evaluation

    return evaluation


if __name__ == "__main__":
    args = parser.parse_args()
    if args.run:
        panel, name = json.loads(args.run)
        print({KNN: knn, RETRIEVAL: retrieval, PROBE: probe}[panel](name))
    else:
        compare(__file__, PANELS, "rows/s", args.rounds, "Evaluation")
