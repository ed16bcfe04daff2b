"""`retrieval_recall`: Karpathy's protocol, and what ties do to it."""

import sys

import numpy as np
import pytest
from keras import ops

from keras_contrastive.evaluation import retrieval_recall


def slow_recall(images, texts, image_index, ks):
    """The protocol as it is told, by a full sort of every row."""
    images = images / np.linalg.norm(images, axis=1, keepdims=True)
    texts = texts / np.linalg.norm(texts, axis=1, keepdims=True)
    similarity = images @ texts.T
    scores = {}
    for k in ks:
        hits = []
        for i, row in enumerate(similarity):
            top = np.argsort(-row)[:k]
            hits.append(any(image_index[j] == i for j in top))
        scores[f"image_to_text_recall@{k}"] = np.mean(hits)
        hits = []
        for j, column in enumerate(similarity.T):
            hits.append(image_index[j] in np.argsort(-column)[:k])
        scores[f"text_to_image_recall@{k}"] = np.mean(hits)
    return scores


def unit(degrees):
    radians = np.radians(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


def test_by_hand():
    """Directions in the plane; the candidates of a query by their angle.

    Image 0 at 0 degrees: texts at 30 (own), 100 (own), 50, 95.
    Image 1 at 60 degrees: 50 (wrong: own is 95), 30, 95 (own), 100.
    Texts: 30 -> tie of images 0 and 1; 100 -> image 1 (own is 0); 50 ->
    image 1 (own is 2); 95 -> image 1 (own).
    Image 2 at 180 degrees: texts at 100 (foreign), 95 (foreign), 50 (own).
    """
    images = unit([0, 60, 180])
    texts = unit([30, 100, 50, 95])
    scores = retrieval_recall(images, texts, [0, 0, 2, 1], ks=(1, 2, 3, 9))
    assert scores == {
        "image_to_text_recall@1": 1 / 3,
        "image_to_text_recall@2": 1 / 3,
        "image_to_text_recall@3": 1.0,
        "image_to_text_recall@9": 1.0,
        # Text 0 ties with a wrong image, so it is second; text 1's image is
        # third; text 2's image is third; text 3's is first.
        "text_to_image_recall@1": 1 / 4,
        "text_to_image_recall@2": 2 / 4,
        "text_to_image_recall@3": 1.0,
        "text_to_image_recall@9": 1.0,
    }


@pytest.mark.parametrize("chunk_size", [None, 1, 7])
def test_equals_a_full_sort(rng, chunk_size):
    image_index = rng.permutation(np.repeat(np.arange(40), [1, 2, 3, 4, 5] * 8))
    images = rng.standard_normal((40, 6))
    texts = images[image_index] + rng.standard_normal((120, 6))
    scores = retrieval_recall(
        3 * images, texts, image_index, ks=(1, 2, 10), chunk_size=chunk_size
    )
    expected = slow_recall(images, texts, image_index, (1, 2, 10))
    assert 0.2 < expected["text_to_image_recall@1"] < 0.9
    assert scores == expected


def test_chunks_are_as_large_as_memory_allows(rng, monkeypatch):
    """At most so many float32 similarities at once, and a row at least."""
    module = sys.modules["keras_contrastive.evaluation.retrieval_recall"]
    ranks = module._ranks
    asked = []
    monkeypatch.setattr(
        module, "_ranks", lambda *args: asked.append(args[-1]) or ranks(*args)
    )
    embeddings = rng.standard_normal((60, 4))
    for room in (4 * 60 * 8 - 1, 1):
        monkeypatch.setattr(module, "CHUNK_BYTES", room)
        retrieval_recall(embeddings, embeddings, np.arange(60))
    assert asked == [7, 1]


def test_differences_of_rounding_are_ties():
    """Texts behind the right ones by less than what float32 resolves."""
    angle = np.sqrt(2 * 5e-7)  # of cosine 1 - 5e-7
    near = [np.cos(angle), np.sin(angle), 0.0]
    images = np.array([[1.0, 0.0, 0.0], near])
    scores = retrieval_recall(images, images, [0, 1], ks=(1, 2))
    assert scores == {
        "image_to_text_recall@1": 0.0,
        "image_to_text_recall@2": 1.0,
        "text_to_image_recall@1": 0.0,
        "text_to_image_recall@2": 1.0,
    }


def test_recall_falls_by_a_known_amount_when_texts_are_swapped(rng):
    images = rng.standard_normal((20, 32))
    texts = images.copy()
    texts[:5] = images[[1, 2, 3, 4, 0]]
    scores = retrieval_recall(images, texts, np.arange(20), ks=(1,))
    assert set(scores.values()) == {15 / 20}


@pytest.mark.parametrize("width", [3, 512])
def test_collapsed_embeddings_score_nothing(rng, width):
    """Neither equal rows nor zeros find anything, in whatever order."""
    point = rng.standard_normal((1, width))
    image_index = np.repeat(np.arange(101), 5)
    for row in (point, 0 * point):
        images, texts = np.repeat(row, 101, 0), np.repeat(row, 505, 0)
        scores = retrieval_recall(images, texts, image_index)
        assert set(scores.values()) == {0.0}


def test_ties_do_not_depend_on_the_order_of_rows(rng):
    """Few different embeddings, so that most comparisons are ties."""
    codes = rng.standard_normal((4, 16))
    images = codes[rng.integers(0, 4, 30)]
    texts = codes[rng.integers(0, 4, 60)]
    image_index = np.repeat(np.arange(30), 2)
    expected = retrieval_recall(images, texts, image_index, ks=(1, 8, 16))
    order, text_order = rng.permutation(30), rng.permutation(60)
    scores = retrieval_recall(
        images[order],
        texts[text_order],
        np.argsort(order)[image_index[text_order]],
        ks=(1, 8, 16),
    )
    assert scores == expected


def test_tie_with_an_own_caption_is_none():
    images = np.eye(2)
    texts = np.eye(2)[[0, 0, 1]]
    scores = retrieval_recall(images, texts, [0, 0, 1], ks=(1,))
    assert set(scores.values()) == {1.0}


def test_ks_may_be_a_generator_and_embeddings_of_any_scale():
    for scale in (1e-30, 1e30):
        scores = retrieval_recall(
            scale * np.eye(3), np.eye(3), [0, 1, 2], ks=(k for k in (1, 2))
        )
        assert len(scores) == 4 and set(scores.values()) == {1.0}


def test_takes_tensors():
    images = ops.convert_to_tensor(np.eye(3), dtype="float16")
    index = ops.convert_to_tensor([0, 1, 2], dtype="int32")
    scores = retrieval_recall(images, images, index, ks=np.array([1, 2]))
    assert set(scores.values()) == {1.0}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_embeddings": np.ones(3)}, "`image_embeddings`.*non-empty"),
        ({"text_embeddings": np.ones((3, 4))}, "same width.*2.*4"),
        ({"text_embeddings": np.full((3, 2), np.nan)}, "`text_emb.*finite"),
        ({"image_index": [0, 1]}, r"`image_index`.*\(3,\)"),
        ({"image_index": [0.0, 1.0, 1.0]}, "`image_index`.*float64"),
        ({"image_index": [0, 1, 2]}, "`image_index` must be between 0 and 1"),
        ({"image_index": [0, 1, -1]}, "`image_index` must be between 0 and 1"),
        ({"image_index": [1, 1, 1]}, "none for 1 of 2 images.*image 0"),
        ({"image_index": [0, 0, 0]}, "none for 1 of 2 images.*image 1"),
        ({"ks": ()}, "`ks`"),
        ({"ks": 5}, "`ks` must be a list"),
        ({"ks": (1, 0)}, "`ks`"),
        ({"ks": (1.5,)}, "`ks`"),
        ({"chunk_size": 0}, "`chunk_size`"),
    ],
)
def test_bad_arguments_are_refused(change, message):
    arguments = {
        "image_embeddings": np.eye(2),
        "text_embeddings": np.ones((3, 2)),
        "image_index": [0, 1, 1],
        **change,
    }
    with pytest.raises(ValueError, match=message):
        retrieval_recall(**arguments)
