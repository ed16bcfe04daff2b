import copy
import json
import pickle
import sys

import keras
import numpy as np
import pytest

from keras_contrastive.text import CaptionTokenizer
from keras_contrastive.text import train_tokenizer

pytest.importorskip("tokenizers")

pytestmark = pytest.mark.one_backend

CAPTIONS = [
    f"{size} {colour} {shape} on grass"
    for size in ("a small", "a large")
    for colour in ("red", "blue", "yellow")
    for shape in ("circle", "square", "star")
]
CONTEXT = 16


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(CAPTIONS, 400, context_length=CONTEXT)


def test_packing(tokenizer):
    ids = tokenizer(["a red circle", ""])
    assert isinstance(ids, np.ndarray)
    assert ids.dtype == np.int32 and ids.shape == (2, CONTEXT)
    assert (tokenizer.pad_id, tokenizer.start_id, tokenizer.end_id) == (0, 1, 2)
    # "a", "red" and "circle" are in the captions often enough to be tokens.
    assert ids[0, 0] == 1 and ids[0, 4] == 2
    assert len(set(ids[0, :5])) == 5 and ids[0, 1:4].min() > 2
    np.testing.assert_array_equal(ids[0, 5:], 0)
    np.testing.assert_array_equal(ids[1], [1, 2] + (CONTEXT - 2) * [0])


def test_every_vocabulary_id_is_in_range(tokenizer):
    ids = tokenizer([bytes(range(256)).decode("latin1"), *CAPTIONS])
    assert ids.min() >= 0 and ids.max() < tokenizer.vocabulary_size
    assert 259 < tokenizer.vocabulary_size <= 400


def test_truncation_keeps_the_end(tokenizer):
    long = tokenizer(["red " * 1000, "x" * 100_000])
    assert long.shape == (2, CONTEXT)
    np.testing.assert_array_equal(long[:, 0], 1)
    np.testing.assert_array_equal(long[:, -1], 2)
    assert not np.isin(long[:, 1:-1], [0, 1, 2]).any()
    fitting = tokenizer(["red " * (CONTEXT - 2)])
    np.testing.assert_array_equal(fitting, long[:1])


def test_normalisation(tokenizer):
    reference = tokenizer(["a red café"])
    variants = ["A Red CAFÉ", "  a \t red\n\ncafé ", "a red cafe\u0301"]
    for variant in variants:
        np.testing.assert_array_equal(tokenizer([variant]), reference)
    # Inside a caption a word is the token that it is in front.
    first, last = tokenizer(["red circle", "circle red"])[:, 1:3]
    np.testing.assert_array_equal(first, last[::-1])


@pytest.mark.parametrize(
    "text", ["漢字", "привет мир", "مرحبا", "🙂", "👩‍👩‍👧", "\0", "ein Ääß"]
)
def test_any_script_survives(text):
    tokenizer = train_tokenizer(CAPTIONS, 300, context_length=40)
    ids = tokenizer([text])
    assert tokenizer.end_id in ids[0]
    assert tokenizer.decode(ids) == [text.lower()]


def test_special_tokens_in_captions_are_text(tokenizer):
    ids = tokenizer(["[end] a", "[pad][start]"])
    assert (ids == tokenizer.end_id).sum(axis=1).tolist() == [1, 1]
    assert (ids == tokenizer.start_id).sum(axis=1).tolist() == [1, 1]
    assert tokenizer.decode(ids)[0] == "[end] a"


def test_decode(tokenizer):
    ids = tokenizer(CAPTIONS)
    assert tokenizer.decode(ids) == CAPTIONS
    assert tokenizer.decode(ids[0]) == CAPTIONS[0]
    assert tokenizer.decode(keras.ops.convert_to_tensor(ids)) == CAPTIONS


@pytest.mark.parametrize(
    "ids", [[[-1]], [[1.0]], [[[1]]], 5, "a", [[True]]], ids=str
)
def test_decode_takes_ids_only(tokenizer, ids):
    with pytest.raises(ValueError, match="`ids` must be token ids"):
        tokenizer.decode(ids)
    assert tokenizer.decode([]) == ""


def test_what_counts_as_texts(tokenizer):
    expected = tokenizer(["a red star", "a dog"])
    for texts in (
        ("a red star", "a dog"),
        [b"a red star", b"a dog"],
        np.array(["a red star", "a dog"]),
        np.array([b"a red star", b"a dog"], dtype=object),
        (text for text in ["a red star", "a dog"]),
    ):
        np.testing.assert_array_equal(tokenizer(texts), expected)
    np.testing.assert_array_equal(tokenizer("a red star"), expected[:1])
    assert tokenizer([]).shape == (0, CONTEXT)
    assert tokenizer(["\ud83d"]).shape == (1, CONTEXT)


@pytest.mark.parametrize("bad", [None, 3, 2.5, ["a"]])
def test_what_does_not(tokenizer, bad):
    with pytest.raises(ValueError, match="`texts`.* index 1") as info:
        tokenizer(["a", bad])
    assert repr(bad) in str(info.value)


def test_neither_none_nor_a_number(tokenizer):
    with pytest.raises(ValueError, match="`texts`.*None"):
        tokenizer(None)
    with pytest.raises(ValueError, match="`texts`.*7"):
        tokenizer(7)


def test_copies(tokenizer, tmp_path):
    texts = [*CAPTIONS, "[end] 漢字"]
    path = tmp_path / "tokenizer.json"
    tokenizer.save(path)
    for other in (
        CaptionTokenizer.load(path),
        CaptionTokenizer.load(str(path)),
        pickle.loads(pickle.dumps(tokenizer)),
        copy.deepcopy(tokenizer),
    ):
        np.testing.assert_array_equal(other(texts), tokenizer(texts))
        assert other.vocabulary_size == tokenizer.vocabulary_size
        assert other.context_length == CONTEXT


def test_the_file_is_one_of_the_tokenizers_library(tokenizer, tmp_path):
    import tokenizers

    tokenizer.save(tmp_path / "tokenizer.json")
    other = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    ids = [encoding.ids for encoding in other.encode_batch(CAPTIONS)]
    np.testing.assert_array_equal(ids, tokenizer(CAPTIONS))


def test_other_files(tmp_path):
    path = tmp_path / "other.json"
    path.write_text(json.dumps({"a": 1}))
    with pytest.raises(ValueError, match="`path`.*other.json"):
        CaptionTokenizer.load(path)
    path.write_bytes(b'{"a": "\xff"}')
    with pytest.raises(ValueError, match="`path`.*other.json"):
        CaptionTokenizer.load(path)
    with pytest.raises(FileNotFoundError):
        CaptionTokenizer.load(tmp_path / "none.json")

    import tokenizers

    plain = tokenizers.Tokenizer(tokenizers.models.BPE())
    with pytest.raises(ValueError, match="PackedTokenizer"):
        CaptionTokenizer(plain)


def test_training_is_deterministic(tokenizer, tmp_path):
    """From the captions in any order, whatever hash maps do."""
    tokenizer.save(tmp_path / "0.json")
    for attempt in range(1, 4):
        again = train_tokenizer(
            CAPTIONS[attempt:] + CAPTIONS[:attempt], 400, 16
        )
        again.save(tmp_path / f"{attempt}.json")
    files = {path.read_text() for path in tmp_path.iterdir()}
    assert len(files) == 1


def test_captions_of_images():
    nested = train_tokenizer([CAPTIONS[:5], tuple(CAPTIONS[5:])], 400, CONTEXT)
    flat = train_tokenizer(iter(CAPTIONS), 400, CONTEXT)
    np.testing.assert_array_equal(nested(CAPTIONS), flat(CAPTIONS))
    pairs = np.array(CAPTIONS[: len(CAPTIONS) // 2 * 2]).reshape(-1, 2)
    flat = train_tokenizer(pairs.ravel(), 400, CONTEXT)
    for nested in (pairs, list(pairs)):
        nested = train_tokenizer(nested, 400, CONTEXT)
        np.testing.assert_array_equal(nested(CAPTIONS), flat(CAPTIONS))


def test_training_errors():
    with pytest.raises(ValueError, match="`captions`.*index 1.*None"):
        train_tokenizer(["a", None])
    with pytest.raises(ValueError, match="`captions`.*not one string"):
        train_tokenizer("a red circle")
    with pytest.raises(ValueError, match="`captions`.*or a dict"):
        train_tokenizer({"captions": ["a"]})
    with pytest.raises(ValueError, match="`captions` must not be empty"):
        train_tokenizer([])
    with pytest.raises(ValueError, match="`vocabulary_size`.*259.*258"):
        train_tokenizer(["a"], vocabulary_size=258)
    with pytest.raises(ValueError, match="`context_length`.*2"):
        train_tokenizer(["a"], context_length=2)
    for wrong in ("x", 300.0, None):
        with pytest.raises(ValueError, match="`vocabulary_size` must be"):
            train_tokenizer(["a"], vocabulary_size=wrong)
        with pytest.raises(ValueError, match="`context_length` must be"):
            train_tokenizer(["a"], context_length=wrong)


def test_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(ImportError, match=r"keras_contrastive\[text\]"):
        train_tokenizer(["a"])
