"""The sentences that a map can search for without a model."""

import collections
import re
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_contrastive.visualization.cosine_similarity import cosine_similarity
from keras_contrastive.visualization.figure import one_line

CAPTIONS = 300  # at most
WORDS = 100
FOUND = 12  # images of a sentence


def search_data(
    image_embeddings: np.ndarray,
    captions: Sequence[str],
    image_index: np.ndarray,
    encode: Callable[[Sequence[str]], np.ndarray],
) -> dict[str, Any]:
    """Sentences, the images that each finds, and the captions of each image.

    Args:
        image_embeddings: Array, shape `(n, d)`.
        captions: List of m strings.
        image_index: Ints, shape `(m,)`, the image of each caption.
        encode: Function from strings to their embeddings.
    """
    known = sentences(captions)
    similarity = cosine_similarity(image_embeddings, encode(known))
    found = np.argsort(-similarity, axis=1, kind="stable")[:, :FOUND]
    texts = [""] * len(image_embeddings)
    for caption, image in zip(captions, image_index, strict=True):
        texts[image] = texts[image] or one_line(caption)
    return {"sentences": known, "found": found.tolist(), "texts": texts}


def sentences(captions: Sequence[str]) -> list[str]:
    """Words that occur in several captions, and a sample of the captions."""
    texts = list(dict.fromkeys(map(one_line, captions)))
    counts = collections.Counter(
        word
        for text in texts
        for word in set(re.findall(r"\w{2,}", text.lower()))
    )
    # Words like "the" occur in most captions and are not informative.
    most = max(3, len(texts) // 5)
    words = [word for word, n in counts.most_common() if 2 <= n <= most]
    some = texts[:: max(1, -(-len(texts) // CAPTIONS))]
    return list(dict.fromkeys([*words[:WORDS], *some]))


def caption_loss(
    image_embeddings: np.ndarray,
    text_embeddings: np.ndarray,
    image_index: np.ndarray,
    scale: float,
) -> np.ndarray:
    """The mean over an image's captions of -log p(image | caption).

    The probability is the softmax of the scaled similarities over these images.
    """
    logits = scale * cosine_similarity(image_embeddings, text_embeddings)
    largest = logits.max(axis=1, keepdims=True)
    total = np.log(np.exp(logits - largest).sum(axis=1)) + largest[:, 0]
    loss = total - logits[np.arange(len(logits)), image_index]
    count = np.bincount(image_index, minlength=len(image_embeddings))
    summed = np.bincount(image_index, loss, len(image_embeddings))
    return summed / np.maximum(count, 1)
