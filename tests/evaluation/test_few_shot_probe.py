"""Linear probes with a few labels per class."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from keras_contrastive.evaluation import few_shot_probe
from keras_contrastive.evaluation import linear_probe


@pytest.fixture
def data(rng):
    labels = np.array(["ant", "bee", "cow", "dog"])[np.arange(400) % 4]
    centers = rng.standard_normal((4, 12))
    index = np.searchsorted(["ant", "bee", "cow", "dog"], labels)
    features = centers[index] + rng.standard_normal((400, 12))
    features = features * np.logspace(-2, 2, 12) + 3.0
    return features[:200], labels[:200], features[200:], labels[200:]


def test_equals_scikit_learn_on_the_drawn_rows(data):
    train_x, train_y, test_x, test_y = data
    scores = few_shot_probe(*data, shots=(4, 2), num_draws=3, verbose=0)
    assert list(scores) == [2, 4]
    mean, scale = train_x.mean(0), train_x.std(0)
    for count, found in scores.items():
        expected = []
        for draw in range(3):
            rng = np.random.default_rng([0, draw])
            rows = np.concatenate(
                [
                    rng.permutation(np.flatnonzero(train_y == one))[:count]
                    for one in np.unique(train_y)
                ]
            )
            model = LogisticRegression(C=1.0, tol=1e-8, max_iter=10_000)
            model.fit((train_x[rows] - mean) / scale, train_y[rows])
            expected.append(model.score((test_x - mean) / scale, test_y))
        np.testing.assert_allclose(found.accuracies, expected, atol=0.011)
        np.testing.assert_allclose(found.accuracy, np.mean(found.accuracies))
        np.testing.assert_allclose(found.std, np.std(found.accuracies, ddof=1))


def test_more_labels_help_and_all_of_them_are_the_linear_probe(data):
    scores = few_shot_probe(*data, (1, 8, 50), num_draws=4, verbose=0)
    assert scores[1].accuracy < scores[8].accuracy - 0.05
    assert scores[1].std > 0
    whole = linear_probe(*data, solver="lbfgs", verbose=0)["accuracy"]
    np.testing.assert_allclose(scores[50].accuracies, whole, atol=0.006)


def test_rows_depend_on_the_seed_and_the_labels_alone(data):
    train_x, train_y, test_x, test_y = data
    first = few_shot_probe(*data, [2], verbose=0)
    assert few_shot_probe(*data, [2], verbose=0) == first
    assert few_shot_probe(*data, [2], seed=1, verbose=0) != first
    assert few_shot_probe(*data, [1, 2], verbose=0)[2] == first[2]
    tripled = 3.0 * train_x, train_y, 3.0 * test_x, test_y
    assert few_shot_probe(*tripled, [2], verbose=0) == first
    one = few_shot_probe(*data, 2, num_draws=1, verbose=0)[2]
    assert one.accuracies == first[2].accuracies[:1]
    assert np.isnan(one.std)


def test_errors(data):
    with pytest.raises(ValueError, match="at most 50.*class 'ant'.*: 51"):
        few_shot_probe(*data, shots=(1, 51))
    with pytest.raises(ValueError, match="`shots` must be a positive integer"):
        few_shot_probe(*data, shots=(0,))
    with pytest.raises(ValueError, match="`shots` must hold"):
        few_shot_probe(*data, shots=())
    with pytest.raises(ValueError, match="`num_draws`"):
        few_shot_probe(*data, num_draws=0)
    with pytest.raises(ValueError, match="`test_labels` must hold"):
        few_shot_probe(*data[:3], np.full(200, "emu"))
