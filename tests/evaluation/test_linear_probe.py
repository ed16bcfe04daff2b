import re
import sys

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from keras_contrastive.evaluation import knn_classify
from keras_contrastive.evaluation import linear_probe
from keras_contrastive.evaluation import softmax_regression
from keras_contrastive.evaluation.probe import _log_softmax
from keras_contrastive.evaluation.probe import feature_statistics
from keras_contrastive.evaluation.probe import loss_and_gradient_of_rows
from keras_contrastive.evaluation.probe import probe_scores
from tests.oracles import numeric_gradient


def overlapping_gaussians(rng, num_rows=3000, num_classes=6, dim=10):
    labels = rng.integers(0, num_classes, num_rows)
    centers = 1.2 * rng.standard_normal((num_classes, dim))
    features = centers[labels] + rng.standard_normal((num_rows, dim))
    return features, labels


def test_accuracy_and_loss_agree_with_logistic_regression(rng):
    features, labels = overlapping_gaussians(rng)
    train, test = slice(0, 2000), slice(2000, None)
    # Scales and offsets that the standardisation must undo.
    features = features * np.logspace(-3, 3, 10) + 5.0
    scores = linear_probe(
        features[train], labels[train], features[test], labels[test], verbose=0
    )
    standardized = (features - features[train].mean(0)) / features[train].std(0)
    reference = LogisticRegression(C=1e6, max_iter=500)
    reference.fit(standardized[train], labels[train])
    expected = reference.score(standardized[test], labels[test])
    assert 0.6 < expected < 0.98
    assert abs(scores["accuracy"] - expected) < 0.01
    log_probability = reference.predict_log_proba(standardized[test])
    expected_loss = -log_probability[np.arange(1000), labels[test]].mean()
    np.testing.assert_allclose(scores["loss"], expected_loss, rtol=0.05)
    assert scores["accuracy"] < scores["top5_accuracy"] <= 1.0


def scikit_learn_scores(train_x, train_y, test_x, test_y):
    """Those of the same penalized regression, to 1e-8 of its optimum."""
    mean, scale = train_x.mean(0), train_x.std(0)
    scale = np.where(scale < 1e-6 * np.abs(mean) + 1e-12, 1.0, scale)
    model = LogisticRegression(C=1.0, tol=1e-8, max_iter=10_000)
    model.fit((train_x - mean) / scale, train_y)
    standardized = (test_x - mean) / scale
    log_probability = model.predict_log_proba(standardized)
    rows = np.arange(len(test_y))
    index = np.searchsorted(model.classes_, test_y)
    return model.score(standardized, test_y), -log_probability[
        rows, index
    ].mean()


@pytest.mark.parametrize(("tolerance", "rtol"), [(None, 1e-2), (1e-9, 3e-4)])
@pytest.mark.parametrize("kind", ["overlapping", "correlated", "separable"])
def test_lbfgs_finds_the_optimum(kind, tolerance, rtol, rng, monkeypatch):
    """Also of nearly dependent features, and of more features than rows."""
    features, labels = overlapping_gaussians(rng)
    if kind == "correlated":
        mixed = features @ rng.standard_normal((10, 40))
        features = mixed + 0.01 * rng.standard_normal(mixed.shape)
    if kind == "separable":
        labels = labels % 3
        features = np.hstack([features, rng.standard_normal((3000, 200))])
        features[:, 0] += 100 * labels
    split = 100 if kind == "separable" else 2000
    args = features[:split], labels[:split], features[split:], labels[split:]
    if tolerance is not None:
        monkeypatch.setattr(softmax_regression, "TOLERANCE", tolerance)
    scores = linear_probe(*args, solver="lbfgs", verbose=0)
    accuracy, loss = scikit_learn_scores(*args)
    assert abs(scores["accuracy"] - accuracy) < 0.003
    np.testing.assert_allclose(scores["loss"], loss, rtol=rtol)
    assert scores == linear_probe(*args, solver="lbfgs", verbose=0, seed=1)


def test_lbfgs_takes_no_more_passes_than_epochs(rng, monkeypatch, capsys):
    module = sys.modules["keras_contrastive.evaluation.probe"]
    calls = []
    monkeypatch.setattr(
        module,
        "loss_and_gradient_of_rows",
        lambda *args: calls.append(1) or loss_and_gradient_of_rows(*args),
    )
    features, labels = overlapping_gaussians(rng, 500)
    args = features, labels, features, labels
    for epochs in (1, 3):
        calls.clear()
        scores = linear_probe(*args, epochs=epochs, solver="lbfgs")
        assert len(calls) == epochs
        assert f"{epochs}/{epochs}" in capsys.readouterr().out
    assert scores["accuracy"] > 0.3


def test_blocks_do_not_change_the_optimum(rng, monkeypatch):
    features, labels = overlapping_gaussians(rng, 500)
    args = features, labels, features, labels
    whole = linear_probe(*args, solver="lbfgs", verbose=0)
    module = sys.modules["keras_contrastive.evaluation.probe"]
    monkeypatch.setattr(module, "BLOCK", 7)  # the last one is smaller
    blocks = linear_probe(*args, solver="lbfgs", verbose=0)
    np.testing.assert_allclose(blocks["loss"], whole["loss"], rtol=1e-4)


def test_gradient(rng):
    inputs = rng.standard_normal((7, 4))
    class_index = rng.integers(0, 3, 7)
    weights = rng.standard_normal((4, 3))
    loss, gradient = loss_and_gradient_of_rows(weights, inputs, class_index)
    logits = inputs @ weights
    oracle = [
        np.log(np.exp(row).sum()) - row[c]
        for row, c in zip(logits, class_index, strict=True)
    ]
    np.testing.assert_allclose(loss, np.mean(oracle))
    numeric = numeric_gradient(
        lambda w: loss_and_gradient_of_rows(w, inputs, class_index)[0], weights
    )
    np.testing.assert_allclose(gradient, numeric, atol=1e-6)


@pytest.mark.parametrize("batch_size", [4, 3])
def test_two_epochs_are_nesterov_sgd_with_cosine_decay(batch_size):
    """Two or four steps by hand, in float64; a last batch may be smaller."""
    features = np.array([[-1.0], [1.0], [-1.0], [1.0]])
    labels = np.array([0, 1, 1, 1])
    x = np.concatenate([features, np.ones((4, 1))], axis=1)
    w, v = np.zeros((2, 2)), np.zeros((2, 2))
    rng = np.random.default_rng(0)
    batches = [
        rows
        for _ in range(2)
        for rows in np.split(rng.permutation(4), [batch_size])
        if len(rows)
    ]
    for step, rows in enumerate(batches):
        p = np.exp(x[rows] @ w)
        p /= p.sum(axis=1, keepdims=True)
        error = p - np.eye(2)[labels[rows]]
        gradient = x[rows].T @ error / len(rows)
        # The rule 0.1 * batch / 256, from 1 down the cosine to 0.
        decay = (1 + np.cos(np.pi * step / len(batches))) / 2
        rate = 0.1 * batch_size / 256 * decay
        v = 0.9 * v - rate * gradient
        w = w + 0.9 * v - rate * gradient
    logits = x @ w
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    expected = -log_p[np.arange(4), labels].mean()
    args = features, labels, features, labels
    scores = linear_probe(*args, epochs=2, batch_size=batch_size, verbose=0)
    np.testing.assert_allclose(scores["loss"], expected, rtol=1e-6)
    assert scores["loss"] < np.log(2)


def test_log_softmax_of_any_logits():
    """Rows of their own size, where an exponential alone would overflow."""
    logits = np.array([[1000.0, 1000.0], [-1000.0, -1000.0 + np.log(3)]])
    np.testing.assert_allclose(
        np.exp(_log_softmax(logits)), [[0.5, 0.5], [0.25, 0.75]], rtol=1e-12
    )


def test_top5_is_of_more_than_five_classes():
    logits = np.tile(np.arange(7.0, 0.0, -1), (7, 1))
    scores = probe_scores(logits, np.arange(7))
    assert scores["accuracy"] == 1 / 7
    assert scores["top5_accuracy"] == 5 / 7
    assert "top5_accuracy" not in probe_scores(logits[:5, :5], np.arange(5))


def test_a_probe_that_has_diverged_is_never_right(rng):
    """Weights that are NaN, not the perfect score of comparisons that fail."""
    features, labels = overlapping_gaussians(rng, 40)
    with np.errstate(all="ignore"):
        scores = linear_probe(
            *(features, labels, features, labels),
            learning_rate=3e38,
            batch_size=4,
            verbose=0,
        )
    assert np.isnan(scores["loss"]) and scores["accuracy"] == 0.0


def test_same_seed_same_numbers(rng):
    features, labels = overlapping_gaussians(rng, 600)
    args = (features[:500], labels[:500], features[500:], labels[500:])
    first = linear_probe(*args, epochs=3, verbose=0)
    assert first == linear_probe(*args, epochs=3, verbose=0)
    assert first != linear_probe(*args, epochs=3, seed=1, verbose=0)


def test_statistics_of_many_rows():
    """A constant column, a small one around zero, and one far from it.

    The last but one is constant but for the rounding of its numbers.
    """
    signs = np.tile([-1.0, 1.0], 50_000)
    rounding = 1000 * np.finfo("float32").eps * signs
    columns = [np.full_like(signs, 0.1), 1e-3 * signs, 100 + signs]
    columns += [1000 + rounding, 1e-3 * (1 + 1e-3 * signs)]
    mean, scale = feature_statistics(
        np.stack(columns, axis=1).astype("float32")
    )
    means, scales = [0.1, 0, 100, 1000, 1e-3], [1, 1e-3, 1, 1, 1e-6]
    np.testing.assert_allclose(mean, means, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(scale, scales, rtol=1e-4)


def test_constant_features_and_string_labels():
    labels = np.array(["no", "yes"] * 20)
    features = np.stack(
        [np.full(40, 0.1), labels == "yes", np.zeros(40)], axis=1
    )
    scores = linear_probe(features, labels, features, labels, verbose=0)
    assert scores["accuracy"] == 1.0
    assert np.isfinite(scores["loss"])
    assert "top5_accuracy" not in scores


WORDS = np.array(["a", "bc"])


@pytest.mark.one_backend
@pytest.mark.parametrize(
    ("train", "test"),
    [
        (WORDS.astype(object), WORDS),
        (WORDS, WORDS.astype(object)),
        (np.array([np.int64(3), np.int64(5)], object), np.array([3, 5])),
        # As floats, these integers are equal.
        (np.array([2**53, 2**53 + 1]), np.array([2**53, 2**53 + 1], "uint64")),
        (np.array([2**53, 2**53 + 1], "uint64"), np.array([2**53, 2**53 + 1])),
        (
            np.array([0, 2**64 - 1], "uint64"),
            np.array([0, 2**64 - 1], "uint64"),
        ),
    ],
)
def test_labels_of_two_dtypes(train, test):
    features = np.eye(2)[[0, 1] * 5]
    order = [0, 1] * 5
    scores = linear_probe(
        features, train[order], features, test[order], verbose=0
    )
    assert scores["accuracy"] == 1.0


@pytest.mark.one_backend
def test_labels_that_are_equal_as_other_integers_only():
    train, test = np.array([1, 2**64 - 1], "uint64"), np.array([1, -1])
    with pytest.raises(ValueError, match="Received 1 others, such as -1"):
        linear_probe(np.eye(2), train, np.eye(2), test, verbose=0)


@pytest.mark.one_backend
@pytest.mark.skipif(
    not hasattr(np.dtypes, "StringDType"), reason="NumPy 1 has none"
)
def test_strings_of_any_length():
    strings = WORDS.astype(np.dtypes.StringDType())
    for train, test in ((strings, WORDS), (WORDS, strings), (strings, strings)):
        scores = linear_probe(np.eye(2), train, np.eye(2), test, verbose=0)
        assert scores["accuracy"] == 1.0
        assert knn_classify(np.eye(2), train, np.eye(2), 1).tolist() == [
            *("a", "bc")
        ]


def test_progress_bar(capsys, rng):
    features, labels = overlapping_gaussians(rng, 40)
    args = features, labels, features, labels
    linear_probe(*args, epochs=2)
    assert "2/2" in capsys.readouterr().out
    linear_probe(*args, epochs=2, verbose=0)
    assert capsys.readouterr().out == ""
    # Nothing is learned, and the mean over an epoch's 16 + 16 + 8 examples is
    # that of the start.
    linear_probe(*args, epochs=2, batch_size=16, learning_rate=1e-9)
    printed = capsys.readouterr().out
    assert "/epoch" in printed
    losses = re.findall(r"loss: ([0-9.]+)", printed)
    assert losses == [f"{np.log(6):.4f}"] * 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"test_labels": [0, 2]}, "`test_labels`"),
        ({"test_labels": [0]}, "`test_labels`"),
        ({"train_labels": [0, 1, 0]}, "`train_labels`"),
        ({"test_features": np.ones((2, 3))}, "same width"),
        ({"train_features": np.full((4, 2), np.inf)}, "`train_features`"),
        ({"test_features": np.full((2, 2), np.inf)}, "`test_features`"),
        ({"epochs": 0}, "`epochs`"),
        ({"batch_size": 0}, "`batch_size`"),
        ({"learning_rate": -0.1}, "`learning_rate`"),
        ({"solver": "newton"}, "`solver`.*newton"),
        ({"solver": "lbfgs", "learning_rate": 0.1}, "`learning_rate`"),
    ],
)
def test_bad_input_is_refused(change, message):
    args = {
        "train_features": np.ones((4, 2)),
        "train_labels": [0, 1, 0, 1],
        "test_features": np.ones((2, 2)),
        "test_labels": [0, 1],
        **change,
    }
    with pytest.raises(ValueError, match=message):
        linear_probe(**args)
