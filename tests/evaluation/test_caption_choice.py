import numpy as np
import pytest

from keras_contrastive.evaluation import caption_choice

pytestmark = pytest.mark.one_backend


def cosine(a, b):
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@pytest.mark.parametrize("k", [1, 3])
def test_is_that_of_a_loop(rng, k):
    images, texts = rng.standard_normal((2, 50, 4))
    wrong = rng.standard_normal((50, k, 4)) * rng.uniform(0.1, 9, (50, k, 1))
    expected = np.mean(
        [
            all(cosine(i, t) > cosine(i, other) for other in others)
            for i, t, others in zip(images, texts, wrong, strict=True)
        ]
    )
    assert 0 < expected < 1
    assert caption_choice(images, texts, wrong) == pytest.approx(expected)
    if k == 1:
        assert caption_choice(images, texts, wrong[:, 0]) == expected


def test_a_tie_is_no_choice(rng):
    images, texts = rng.standard_normal((2, 5, 4))
    assert caption_choice(images, texts, texts) == 0


@pytest.mark.parametrize(
    "wrong, message",
    [
        (np.ones((5, 3)), r"\(n, k, dim\)"),
        (np.ones((4, 4)), r"\(n, k, dim\)"),
        (np.ones((5, 0, 4)), r"\(n, k, dim\)"),
        (np.full((5, 4), np.nan), "wrong_text_embeddings"),
    ],
)
def test_says_what_is_wrong(rng, wrong, message):
    images, texts = rng.standard_normal((2, 5, 4))
    with pytest.raises(ValueError, match=message):
        caption_choice(images, texts, wrong)
