"""Learns a vocabulary from captions."""

from collections.abc import Iterable
from collections.abc import Sequence

import numpy as np

from keras_contrastive.text.caption_tokenizer import END
from keras_contrastive.text.caption_tokenizer import PAD
from keras_contrastive.text.caption_tokenizer import SPECIAL_TOKENS
from keras_contrastive.text.caption_tokenizer import START
from keras_contrastive.text.caption_tokenizer import CaptionTokenizer
from keras_contrastive.text.caption_tokenizer import import_tokenizers
from keras_contrastive.text.texts import to_string
from keras_contrastive.validation import check_int
from keras_contrastive.validation import check_positive_int

# One token for each byte, so that every string has an encoding.
_SMALLEST_VOCABULARY = 256 + len(SPECIAL_TOKENS)


def train_tokenizer(
    captions: Iterable[str] | Iterable[Sequence[str]],
    vocabulary_size: int = 8192,
    context_length: int = 77,
) -> CaptionTokenizer:
    """Learns a vocabulary from captions, by byte pair encoding.

    Starting from single bytes, the most frequent pair of adjacent tokens within
    a word becomes a new token, until the vocabulary is full or no remaining
    pair occurs twice. The same captions give the same vocabulary in any order.
    Learn from the training captions only; a hundred thousand of them take a few
    seconds.

    Ids 0, 1 and 2 are the padding, the start and the end of a caption.

    Args:
        captions: iterable of strings, or of lists or arrays of strings if an
            image has several captions.
        vocabulary_size: int, at least 259: the maximum number of tokens. A few
            captions give fewer tokens: see
            `CaptionTokenizer.vocabulary_size`.
        context_length: int, at least 3: number of ids a caption is packed into,
            including start and end. CLIP's is 77; captions of one sentence fit
            into 32, at less than half the cost.

    Returns:
        A `CaptionTokenizer`.

    Raises:
        ValueError: if a caption is not a string, if there are none, or if
            `vocabulary_size` or `context_length` is too small or no integer.

    Example:

    ```python
    import keras_contrastive as kc

    captions = kc.datasets.shapes(200, image_size=16).captions
    tokenizer = kc.text.train_tokenizer(captions, 1024, context_length=24)
    print(tokenizer.vocabulary_size, tokenizer(captions[:2]))
    ```

    Reference: [Neural Machine Translation of Rare Words with Subword Units](
    https://arxiv.org/abs/1508.07909), section 3.2; on bytes, as in GPT-2.
    """
    if isinstance(captions, str | bytes | dict):
        raise ValueError(
            "`captions` must be an iterable of strings, not one string or a "
            f"dict. Received: {captions!r}"
        )
    vocabulary_size = check_positive_int("vocabulary_size", vocabulary_size)
    # Room for a start, a token and an end.
    context_length = check_int("context_length", context_length, 3)
    if vocabulary_size < _SMALLEST_VOCABULARY:
        raise ValueError(
            f"`vocabulary_size` must be at least {_SMALLEST_VOCABULARY} (256 "
            f"bytes and {len(SPECIAL_TOKENS)} special tokens). "
            f"Received: {vocabulary_size}"
        )
    tokenizer = _untrained_tokenizer()
    count = _train(tokenizer, captions, vocabulary_size)
    if not count:
        raise ValueError("`captions` must not be empty.")
    _pack(tokenizer, context_length)
    return CaptionTokenizer(tokenizer)


def _untrained_tokenizer():
    tokenizers = import_tokenizers()
    normalizers = tokenizers.normalizers
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Lowercase(),
            normalizers.NFC(),
            normalizers.Replace(tokenizers.Regex(r"\s+"), " "),
            normalizers.Strip(),
        ]
    )
    # With a space before it, the first word has the same token as elsewhere.
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(
        add_prefix_space=True
    )
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    return tokenizer


def _train(tokenizer, captions, vocabulary_size):
    """Trains the tokenizer and returns the number of captions."""
    tokenizers = import_tokenizers()
    count = 0

    if hasattr(captions, "__array__"):
        captions = np.asarray(captions)

    def strings():
        nonlocal count
        for entry in captions:
            several = isinstance(entry, list | tuple | np.ndarray)
            for caption in entry if several else [entry]:
                yield to_string(caption, "captions", count)
                count += 1

    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        min_frequency=2,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(strings(), trainer)
    return count


def _pack(tokenizer, context_length):
    tokenizers = import_tokenizers()
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single=f"{START} $A {END}",
        special_tokens=[
            (token, tokenizer.token_to_id(token)) for token in (START, END)
        ],
    )
    tokenizer.enable_truncation(context_length)
    tokenizer.enable_padding(
        length=context_length,
        pad_id=tokenizer.token_to_id(PAD),
        pad_token=PAD,
    )
