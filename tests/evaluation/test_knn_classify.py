import sys

import numpy as np
import pytest

from keras_contrastive.evaluation import knn_classify


def knn_oracle(train, labels, test, k, temperature):
    """One test row at a time, in float64."""
    train = train / np.linalg.norm(train, axis=1, keepdims=True)
    predicted = []
    for row in test:
        similarity = train @ (row / np.linalg.norm(row))
        votes = {}
        for i in np.argsort(-similarity)[:k]:
            weight = np.exp(similarity[i] / temperature)
            votes[labels[i]] = votes.get(labels[i], 0.0) + weight
        predicted.append(max(sorted(votes), key=votes.get))
    return np.array(predicted)


def overlapping_classes(rng, num_rows=90, num_classes=4):
    labels = rng.integers(0, num_classes, num_rows)
    centers = rng.standard_normal((num_classes, 6))
    features = centers[labels] + rng.standard_normal((num_rows, 6))
    return features, labels


@pytest.mark.parametrize("k", [1, 7, 60])
@pytest.mark.parametrize("temperature", [0.02, 0.1, 10.0])
def test_equals_oracle(k, temperature, rng):
    features, labels = overlapping_classes(rng)
    args = features[:60], labels[:60], features[60:]
    np.testing.assert_array_equal(
        knn_classify(*args, k=k, temperature=temperature),
        knn_oracle(*args, k, temperature),
    )


def test_weights_can_outvote_the_majority():
    # Cosines to the test row: 1 for class 5, 0.6 twice for class 9.
    train = np.array([[2.0, 0.0], [3.0, 4.0], [3.0, -4.0]])
    labels = np.array([5, 9, 9])
    test = np.array([[1.0, 0.0]])
    # exp(1 / t) against 2 exp(0.6 / t): even at t = 0.4 / ln(2) = 0.577.
    assert knn_classify(train, labels, test, k=3, temperature=0.5) == [5]
    assert knn_classify(train, labels, test, k=3, temperature=0.6) == [9]
    assert knn_classify(train, labels, test, k=1, temperature=0.6) == [5]


def test_length_of_features_does_not_count(rng):
    features, labels = overlapping_classes(rng)
    scales = rng.uniform(0.01, 100.0, (90, 1))
    args = {"k": 9}
    np.testing.assert_array_equal(
        knn_classify(features[:60], labels[:60], features[60:], **args),
        knn_classify(
            features[:60] * scales[:60],
            labels[:60],
            features[60:] * scales[60:],
            **args,
        ),
    )


@pytest.mark.parametrize("chunk_size", [1, 7, 30, 1000])
def test_chunks_do_not_change_the_answer(chunk_size, rng):
    features, labels = overlapping_classes(rng)
    args = features[:60], labels[:60], features[60:]
    np.testing.assert_array_equal(
        knn_classify(*args, k=9, chunk_size=chunk_size),
        knn_classify(*args, k=9),
    )


def test_chunks_are_as_large_as_memory_allows(rng, monkeypatch):
    """At most so many float32 similarities at once, and a row at least."""
    features, labels = overlapping_classes(rng)
    module = sys.modules["keras_contrastive.evaluation.knn_classify"]
    rows = []
    normalize = module.normalize_rows
    monkeypatch.setattr(
        module, "normalize_rows", lambda x: rows.append(len(x)) or normalize(x)
    )
    for room, expected in [(4 * 60 * 8 - 1, [7] * 4 + [2]), (1, [1] * 30)]:
        monkeypatch.setattr(module, "CHUNK_BYTES", room)
        rows.clear()
        knn_classify(features[:60], labels[:60], features[60:], k=9)
        assert rows == [60, *expected]


@pytest.mark.parametrize(
    "names", [np.array([-7, 3, 10**12]), np.array(["cat", "dog", "zebra"])]
)
def test_labels_may_be_any_integers_or_strings(names, rng):
    features = np.repeat(np.eye(3), 5, axis=0)
    features += 0.1 * rng.standard_normal(features.shape)
    labels = names[np.repeat(np.arange(3), 5)]
    predicted = knn_classify(features, labels[:, None], np.eye(3), k=3)
    np.testing.assert_array_equal(predicted, names)
    assert predicted.dtype == labels.dtype


def test_equal_votes_go_to_the_first_class():
    train = np.array([[0.0, 1.0], [1.0, 0.0]])
    test = np.array([[1.0, 1.0]])
    assert knn_classify(train, [8, 2], test, k=2) == [2]
    assert knn_classify(train, [2, 8], test, k=2) == [2]


@pytest.mark.parametrize("temperature", [1e-3, 10.0])
def test_extreme_features_and_temperatures(temperature):
    train = np.concatenate([np.zeros((2, 3)), 1e18 * np.eye(3)])
    predicted = knn_classify(
        train, [0, 0, 1, 2, 3], np.eye(3), k=1, temperature=temperature
    )
    np.testing.assert_array_equal(predicted, [1, 2, 3])


def test_votes_neither_overflow_nor_vanish():
    """At a low temperature, near the neighbors and far from them."""
    train, test = (
        np.stack([np.cos(angles), np.sin(angles)], axis=1)
        for angles in (np.radians([0, 30]), np.radians([0, -80]))
    )
    predicted = knn_classify(train, [8, 2], test, k=2, temperature=1e-3)
    np.testing.assert_array_equal(predicted, [8, 8])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": 0}, "`k`"),
        ({"k": 5}, "`k`"),
        ({"temperature": 0.0}, "`temperature`"),
        ({"chunk_size": 0}, "`chunk_size`"),
        ({"train_labels": [0, 1, 0]}, "`train_labels`"),
        ({"train_labels": np.eye(4)}, "`train_labels`"),
        ({"train_labels": np.ones((4, 2), int)}, r"`train_labels`.*\(4, 2\)"),
        ({"train_labels": [0.0, 1.0, 0.0, 1.0]}, "`train_labels`"),
        ({"test_features": np.ones((2, 3))}, "same width"),
        ({"test_features": np.ones(2)}, "`test_features`"),
        ({"test_features": np.ones((0, 2))}, "`test_features`"),
        ({"train_features": np.full((4, 2), np.nan)}, "`train_features`"),
        (
            {"train_features": [[np.nan, 0], [np.inf, 0], *[[1, 0]] * 3]},
            "in 2 of 5 rows",
        ),
    ],
)
def test_bad_input_is_refused(change, message):
    args = {
        "train_features": np.ones((4, 2)),
        "train_labels": [0, 1, 0, 1],
        "test_features": np.ones((2, 2)),
        "k": 2,
        **change,
    }
    with pytest.raises(ValueError, match=message):
        knn_classify(**args)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_features_of_any_scale(scale, rng):
    """Their squares would vanish or overflow in float32."""
    features, labels = overlapping_classes(rng)
    np.testing.assert_array_equal(
        knn_classify(scale * features[:60], labels[:60], features[60:], k=9),
        knn_classify(features[:60], labels[:60], scale * features[60:], k=9),
    )


@pytest.mark.parametrize(
    "labels", [[None, "a", "b"], [np.nan, "a", "b"], [0, "a", "b"], [None] * 3]
)
def test_missing_labels_are_refused(labels):
    labels = np.array(labels, dtype=object)
    with pytest.raises(ValueError, match="`train_labels`.*missing.*object"):
        knn_classify(np.eye(3), labels, np.eye(3), k=1)
    labels = np.array(["a", "b", "c"], dtype=object)
    predicted = knn_classify(np.eye(3), labels, np.eye(3), k=1)
    assert predicted.tolist() == ["a", "b", "c"]


def test_an_accelerator_finds_the_same(rng, monkeypatch):
    features, labels = overlapping_classes(rng)
    args = features[:60], labels[:60], features[60:]
    expected = knn_classify(*args, k=9)
    module = sys.modules["keras_contrastive.evaluation.knn_classify"]
    monkeypatch.setattr(module, "has_accelerator", lambda: True)
    np.testing.assert_array_equal(
        knn_classify(*args, k=9, chunk_size=7), expected
    )
