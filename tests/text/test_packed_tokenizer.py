import numpy as np
import pytest

from keras_contrastive.text import PackedTokenizer

pytestmark = pytest.mark.one_backend


def letters(texts):
    return [[ord(letter) - 87 for letter in text] for text in texts]  # a is 10


def test_packing():
    tokenizer = PackedTokenizer(letters, 5, start_id=1, end_id=2)
    ids = tokenizer(["ab", "abc", "abcdef", ""])
    assert ids.dtype == np.int32
    assert ids.tolist() == [
        [1, 10, 11, 2, 0],
        [1, 10, 11, 12, 2],
        [1, 10, 11, 12, 2],
        [1, 2, 0, 0, 0],
    ]
    assert tokenizer("ab").tolist() == [[1, 10, 11, 2, 0]]
    assert tokenizer([]).shape == (0, 5)


def test_padding_with_the_end():
    tokenizer = PackedTokenizer(letters, 5, start_id=1, end_id=2, pad_id=2)
    assert tokenizer(["a"]).tolist() == [[1, 10, 2, 2, 2]]


def test_one_start_and_one_end():
    """Whatever the tokenizer does with them."""
    tokenizer = PackedTokenizer(
        lambda texts: [[1, 10, 2, 11, 2] for _ in texts], 6, 1, 2
    )
    assert tokenizer(["a"]).tolist() == [[1, 10, 11, 2, 0, 0]]


def test_errors():
    with pytest.raises(ValueError, match="`tokenize` must be a callable.*7"):
        PackedTokenizer(7, 5, 1, 2)
    with pytest.raises(ValueError, match="`context_length`.*2"):
        PackedTokenizer(letters, 2, 1, 2)
    with pytest.raises(ValueError, match="`texts`.* index 1: None"):
        PackedTokenizer(letters, 5, 1, 2)(["a", None])
    with pytest.raises(ValueError, match="1 sequences for 2 texts"):
        PackedTokenizer(lambda texts: [[1]], 5, 1, 2)(["a", "b"])
    with pytest.raises(ValueError, match="sequences of integers.*float"):
        PackedTokenizer(lambda texts: [[1.5]], 5, 1, 2)(["a"])
    with pytest.raises(ValueError, match=r"sequences of integers.*\(1, 2\)"):
        PackedTokenizer(lambda texts: [[[3, 4]]], 5, 1, 2)(["a"])


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((8.0, 1, 2), "context_length"),
        (("8", 1, 2), "context_length"),
        ((2, 1, 2), "context_length"),
        ((8, 1.0, 2), "start_id"),
        ((8, 1, "2"), "end_id"),
        ((8, 1, 2, -1), "pad_id"),
    ],
)
def test_numbers_are_ints(arguments, name):
    with pytest.raises(ValueError, match=f"`{name}` must be .*Received"):
        PackedTokenizer(lambda texts: [[3]], *arguments)
    ids = PackedTokenizer(lambda texts: [[3]], np.int64(4), None, 2)("a")
    assert ids.tolist() == [[3, 2, 0, 0]]


def test_keras_hub():
    """With or without tensorflow-text, which its constructor needs."""
    models = pytest.importorskip("keras_hub").models
    pytest.importorskip("tokenizers")
    pieces = ["a", "r", "e", "d", "d</w>", "re", "red</w>", "a</w>"]
    specials = ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {piece: i for i, piece in enumerate(pieces + specials)}
    merges = ["r e", "re d</w>"]
    clip = models.CLIPTokenizer()
    clip.vocabulary, clip.merges = vocabulary, merges
    clip.set_vocabulary_and_merges(vocabulary, merges)

    tokenizer = PackedTokenizer(
        clip, 6, clip.start_token_id, clip.end_token_id, pad_id=9
    )
    ids = tokenizer(["a RED", "red <|endoftext|> a", "a " * 20, ""])
    assert ids.tolist() == [
        [8, 7, 6, 9, 9, 9],
        [8, 6, 7, 9, 9, 9],
        [8, 7, 7, 7, 7, 9],
        [8, 9, 9, 9, 9, 9],
    ]
