"""Tokenizers: convert captions to token ids."""

from keras_contrastive.text.caption_tokenizer import CaptionTokenizer
from keras_contrastive.text.clip_tokenizer import clip_tokenizer
from keras_contrastive.text.packed_tokenizer import PackedTokenizer
from keras_contrastive.text.train_tokenizer import train_tokenizer

__all__ = [
    "CaptionTokenizer",
    "PackedTokenizer",
    "clip_tokenizer",
    "train_tokenizer",
]
