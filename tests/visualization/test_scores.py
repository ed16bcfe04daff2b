import itertools

import numpy as np
import pytest

from keras_contrastive.visualization.scores import chance_of_any
from keras_contrastive.visualization.scores import class_score
from keras_contrastive.visualization.scores import recall_scores

pytestmark = pytest.mark.one_backend


def test_chance_of_any():
    for right, drawn, total in ((1, 2, 5), (2, 2, 5), (3, 3, 5), (5, 1, 5)):
        draws = list(itertools.combinations(range(total), drawn))
        expected = np.mean([min(draw) < right for draw in draws])
        chance = chance_of_any(np.array([right]), drawn, total)
        np.testing.assert_allclose(chance, [expected])


def test_recall_of_a_perfect_model():
    image_index = np.repeat(np.arange(6), 2)
    scores = recall_scores(np.eye(6), np.eye(6)[image_index], image_index)
    assert [score.key for score in scores] == [
        "text_to_image_recall@1",
        "text_to_image_recall@5",
        "image_to_text_recall@1",
        "image_to_text_recall@5",
    ]
    assert all(score.value == 1 for score in scores)
    assert scores[0].name == "captions with their image first of 6"
    assert scores[0].chance == 1 / 6 and scores[0].num_asked == 12
    assert scores[2].chance == pytest.approx(2 / 12)
    assert scores[2].num_asked == 6


def test_class_score():
    labels = np.array([0, 0, 1, 1, 0, 0, 0, 0])
    score = class_score(np.eye(2)[labels], labels)
    # The most frequent class of the even rows, among the odd ones.
    assert (score.chance, score.majority, score.num_asked) == (0.5, 0.75, 4)
