"""Scores of classifiers, and of labels that may be several."""

import numpy as np
import pytest
from sklearn import metrics

from keras_contrastive.evaluation import classification_scores
from keras_contrastive.evaluation import mean_average_precision


def slow_calibration_error(confidence, is_right, num_bins):
    error = 0.0
    for number in range(num_bins):
        low, high = number / num_bins, (number + 1) / num_bins
        inside = (confidence >= low) & (confidence < high)
        if number == num_bins - 1:
            inside |= confidence == 1.0
        if inside.any():
            difference = is_right[inside].mean() - confidence[inside].mean()
            error += inside.mean() * abs(difference)
    return error


def test_scores_are_those_of_scikit_learn(rng):
    labels = rng.choice(8, 500, p=[0.3, *[0.1] * 7])
    similarity = 0.1 * np.eye(8)[labels] + 0.1 * rng.standard_normal((500, 8))
    names = list("abcdefgh")
    scores = classification_scores(similarity, labels, names, scale=30.0)
    predicted = similarity.argmax(axis=1)
    logits = 30.0 * similarity.astype("float32").astype("float64")
    probability = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(
        [
            scores.accuracy,
            scores.top5_accuracy,
            scores.mean_per_class_recall,
            scores.loss,
            scores.majority,
        ],
        [
            metrics.accuracy_score(labels, predicted),
            metrics.top_k_accuracy_score(labels, similarity, k=5),
            metrics.balanced_accuracy_score(labels, predicted),
            metrics.log_loss(labels, probability),
            (labels == 0).mean(),
        ],
        rtol=1e-6,
    )
    recall = metrics.recall_score(labels, predicted, average=None)
    assert list(scores.recall_per_class) == names
    np.testing.assert_allclose(list(scores.recall_per_class.values()), recall)
    expected = slow_calibration_error(
        probability.max(axis=1), predicted == labels, 15
    )
    np.testing.assert_allclose(scores.calibration_error, expected, rtol=1e-6)
    assert expected > 0.03


def test_a_collapsed_model_and_few_classes():
    scores = classification_scores(np.ones((4, 3)), [0, 0, 0, 2])
    assert scores.accuracy == 0.0
    assert scores.majority == 0.75
    assert np.isnan(scores.top5_accuracy)
    assert np.isnan(scores.recall_per_class[1])
    assert scores.mean_per_class_recall == 0.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": [0, 1]}, r"integers of shape \(3,\)"),
        ({"labels": [0.0, 1.0, 2.0]}, "an array of float64"),
        ({"labels": [0, 1, 3]}, "from 0 to 2. Received: 3"),
        ({"labels": [0, -1, 2]}, "Received: -1"),
        ({"class_names": ["a", "b"]}, "`class_names` must hold 3"),
        ({"class_names": "abc"}, "`class_names` must be a list"),
        ({"class_names": ["a", "a", "b"]}, "3 different names"),
        ({"scale": 0.0}, "`scale`"),
        ({"num_bins": 0}, "`num_bins`"),
        ({"scores": [[np.nan] * 3] * 3}, "`scores` must be finite"),
    ],
)
def test_errors(change, message):
    arguments = {"scores": np.eye(3), "labels": [0, 1, 2], **change}
    with pytest.raises(ValueError, match=message):
        classification_scores(**arguments)


def test_average_precision_is_that_of_scikit_learn(rng):
    targets = rng.random((60, 4)) < [0.1, 0.4, 0.8, 0.0]
    # Rounded, so that many are equal.
    scores = np.round(targets + rng.standard_normal((60, 4)), 1)
    found = mean_average_precision(scores, targets.astype(int))
    expected = metrics.average_precision_score(
        targets[:, :3], scores[:, :3], average=None
    )
    np.testing.assert_allclose(found["average_precision"][:3], expected)
    assert np.isnan(found["average_precision"][3])
    np.testing.assert_allclose(found["mean_average_precision"], expected.mean())
    np.testing.assert_allclose(found["chance"], targets[:, :3].mean())


def test_average_precision_tells_apart_what_float64_does(rng):
    scores = 1 - 1e-9 * rng.permutation(20)[:, None]
    targets = rng.random((20, 1)) < 0.5
    found = mean_average_precision(scores, targets)
    expected = metrics.average_precision_score(targets, scores)
    np.testing.assert_allclose(found["mean_average_precision"], expected)


def test_errors_of_average_precision():
    with pytest.raises(ValueError, match="zeros and ones of the shape"):
        mean_average_precision(np.eye(2), [[1, 0], [0, 2]])
    with pytest.raises(ValueError, match="zeros and ones of the shape"):
        mean_average_precision(np.eye(2), [1, 0])
    with pytest.raises(ValueError, match="only zeros"):
        mean_average_precision(np.eye(2), np.zeros((2, 2)))
