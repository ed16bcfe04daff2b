"""Zero-shot classifiers made of sentences."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from keras import ops

from keras_contrastive.evaluation import CIFAR10_TEMPLATES
from keras_contrastive.evaluation import prompt_set
from keras_contrastive.evaluation import zero_shot_classify
from keras_contrastive.evaluation import zero_shot_weights
from keras_contrastive.evaluation.prompts import PROMPT_SETS

VECTORS = {
    "a cat": [3.0, 0.0, 0.0],
    "two cats!": [0.0, 0.0, 0.5],
    "a dog": [0.0, 2.0, 0.0],
    "two dogs!": [0.0, 1.0, 0.0],
}
TEMPLATES = ["a {}", lambda name: f"two {name}s!"]


def encode_text(texts):
    assert isinstance(texts, list)
    return np.array([VECTORS[text] for text in texts])


def test_weights_by_hand():
    weights = zero_shot_weights(encode_text, ["cat", "dog"], TEMPLATES)
    # The lengths of the embeddings do not count: (1, 0, 0) and (0, 0, 1).
    half = 0.5**0.5
    expected = np.array([[half, 0.0, half], [0.0, 1.0, 0.0]]).T
    np.testing.assert_allclose(weights, expected, rtol=1e-6)
    assert weights.dtype == "float32"


def test_a_class_does_not_depend_on_what_it_is_encoded_with(rng):
    """However many classes and templates share a call, and as tensors."""
    table = rng.standard_normal((900, 8))
    calls = []

    def encode(texts):
        calls.append(len(texts))
        rows = [int(text[1:]) + (text[0] == "b") for text in texts]
        return ops.convert_to_tensor(table[rows], dtype="float32")

    names = [str(i) for i in range(400)]
    weights = zero_shot_weights(encode, names, ["a{}", "b{}"])
    assert len(calls) > 1 and sum(calls) == 800
    for i in (0, 127, 128, 399):
        unit = [row / np.linalg.norm(row) for row in table[i : i + 2]]
        mean = np.mean(unit, axis=0)
        np.testing.assert_allclose(
            weights[:, i], mean / np.linalg.norm(mean), rtol=1e-5
        )


def test_braces_in_names_and_templates_are_text():
    seen = []

    def encode(texts):
        seen.extend(texts)
        return np.eye(len(texts), 4)

    zero_shot_weights(encode, ["{x}", "{}"], ["{0} {}"])
    assert seen == ["{0} {x}", "{0} {}"]


def test_classifies_by_cosine_similarity(rng):
    images = rng.standard_normal((50, 6)) * rng.random((50, 1)) * 100
    weights = rng.standard_normal((6, 9))
    weights /= np.linalg.norm(weights, axis=0)
    predicted = zero_shot_classify(images, weights)
    np.testing.assert_array_equal(predicted, np.argmax(images @ weights, 1))
    # Tensors, and whatever rows share a chunk.
    by_row = [
        zero_shot_classify(ops.convert_to_tensor(row[None]), weights)[0]
        for row in images[:10]
    ]
    np.testing.assert_array_equal(predicted[:10], by_row)
    # However short they are, no tie is made.
    short = zero_shot_classify(3e-8 * images, weights)
    np.testing.assert_array_equal(predicted, short)


@pytest.mark.parametrize("width", [2, 300])
def test_first_class_wins_a_tie(rng, width):
    column = rng.standard_normal((width, 1))
    column /= np.linalg.norm(column)
    weights = np.concatenate([-column, *[column] * 50], axis=1)
    images = np.repeat(column.T, 33, axis=0)
    assert set(zero_shot_classify(images, weights)) == {1}
    assert set(zero_shot_classify(0 * images, weights)) == {0}


def test_chunks_do_not_matter(rng, monkeypatch):
    module = sys.modules[zero_shot_classify.__module__]
    images = rng.standard_normal((20, 4))
    weights = rng.standard_normal((4, 3))
    expected = zero_shot_classify(images, weights)
    for room in (4 * 3 * 7, 1):
        monkeypatch.setattr(module, "CHUNK_BYTES", room)
        predicted = zero_shot_classify(images, weights)
        np.testing.assert_array_equal(predicted, expected)


def test_prompts_come_by_whole_classes(monkeypatch):
    """As many as one call may get, and a class at least."""
    module = sys.modules[zero_shot_weights.__module__]
    calls = []

    def encode(texts):
        calls.append(len(texts))
        return np.eye(len(texts), 40)

    for room, expected in [(7, [6, 6, 2]), (1, [2] * 7)]:
        monkeypatch.setattr(module, "PROMPTS_PER_CALL", room)
        calls.clear()
        zero_shot_weights(encode, list("abcdefg"), ["{}", "a {}"])
        assert calls == expected


def test_templates():
    assert len(CIFAR10_TEMPLATES) == len(set(CIFAR10_TEMPLATES)) == 18
    assert "a low contrast photo of the {}." in CIFAR10_TEMPLATES
    assert "a photo of a big {}." in CIFAR10_TEMPLATES
    for name in PROMPT_SETS:
        templates = prompt_set(name)
        assert len(templates) == len(set(templates)) > 3
        assert all(each.format("cat").count("cat") == 1 for each in templates)


def test_templates_by_the_name_of_a_set():
    def encode_text(texts):
        return np.array([[len(text), text.count("d"), 1.0] for text in texts])

    found, expected = (
        zero_shot_weights(encode_text, ["cat", "dog"], templates)
        for templates in ("satellite", prompt_set("satellite"))
    )
    np.testing.assert_array_equal(found, expected)
    with pytest.raises(ValueError, match="one of 'cifar10'.*='imagenet'"):
        prompt_set("imagenet")
    with pytest.raises(ValueError, match="`templates` .*set.*: 'imagenet'"):
        zero_shot_weights(encode_text, ["cat", "dog"], "imagenet")


def test_templates_of_open_clip(monkeypatch):
    fake = SimpleNamespace(
        OPENAI_IMAGENET_TEMPLATES=(lambda c: f"a bad photo of a {c}.",)
    )
    monkeypatch.setitem(sys.modules, "open_clip", fake)
    (template,) = prompt_set("openai_imagenet")
    assert template("cat") == "a bad photo of a cat."
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(ImportError, match="pip install open_clip_torch"):
        prompt_set("openai_imagenet")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"class_names": []}, "`class_names`"),
        ({"class_names": "cat"}, "`class_names`.*cat"),
        ({"class_names": ["cat", 3]}, "`class_names`.*3"),
        ({"templates": []}, "`templates`"),
        ({"templates": "a {}"}, "`templates` must be a list.*a {}"),
        ({"templates": str.upper}, "`templates` must be a list"),
        ({"templates": ["a cat"]}, "`templates`.*a cat"),
        ({"templates": [3]}, "`templates`.*3"),
        ({"encode_text": lambda t: np.ones((1, 3))}, "one row per string"),
        ({"encode_text": lambda t: np.ones(4)}, "`encode_text"),
        ({"encode_text": lambda t: np.full((4, 3), np.nan)}, "finite"),
    ],
)
def test_bad_arguments_are_refused(change, message):
    arguments = {
        "encode_text": encode_text,
        "class_names": ["cat", "dog"],
        "templates": TEMPLATES,
        **change,
    }
    with pytest.raises(ValueError, match=message):
        zero_shot_weights(**arguments)


def test_weights_must_be_finite():
    with pytest.raises(ValueError, match="`weights` must be finite"):
        zero_shot_classify(np.ones((5, 2)), np.full((2, 3), np.nan))


def test_sizes_must_fit():
    with pytest.raises(ValueError, match=r"`weights`.*\(3, 2\).*\(5, 2\)"):
        zero_shot_classify(np.ones((5, 2)), np.ones((3, 2)))
