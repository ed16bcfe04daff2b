"""Wraps a CLIP model in the interface of CLIP_benchmark."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np


def for_clip_benchmark(
    model: keras.Model, tokenizer: Callable | None = None
) -> tuple[Any, Callable, Callable]:
    """Lets CLIP_benchmark evaluate a `CLIPModel`, as it does open_clip's.

    The result is like that of `load_clip` of CLIP_benchmark, for its functions
    such as `clip_benchmark.metrics.zeroshot_classification.evaluate`. The model
    may run on any backend; PyTorch only passes the arrays on.

    The transform runs the augmenter, which JAX compiles for each new image
    size. Load data with `num_workers=0` on JAX and TensorFlow, which do not
    support forked processes.

    Needs PyTorch and Pillow.

    Args:
        model: A `CLIPModel`.
        tokenizer: Callable from a list of strings to the input of the text
            encoder, one integer array of shape `(n, context_length)`. Defaults
            to the model's.

    Returns:
        Tuple of a `torch.nn.Module` with `encode_image` and `encode_text`,
        whose results are float32 tensors on the CPU, a transform from a PIL
        image to a float tensor of shape `(channels, height, width)`, and a
        tokenizer from strings to an int64 tensor.

    Raises:
        ValueError: If there is no tokenizer.

    Example:

    ```py
    import keras_contrastive as kc
    from clip_benchmark.datasets.builder import build_dataset
    from clip_benchmark.metrics import zeroshot_classification
    from torch.utils.data import DataLoader

    model, transform, tokenizer = kc.models.for_clip_benchmark(
        kc.CLIPModel.from_checkpoint("clip"), kc.text.clip_tokenizer("clip")
    )
    dataset = build_dataset("wds/my_data", root="my_data", transform=transform)
    print(
        zeroshot_classification.evaluate(
            model,
            DataLoader(dataset.batched(64), batch_size=None),
            tokenizer,
            dataset.classes,
            dataset.templates,
            device="cpu",
        )
    )
    ```

    Reference:
        Cherti and Beaumont, 2022, CLIP benchmark,
        https://github.com/LAION-AI/CLIP_benchmark.
    """
    import torch

    tokenizer = model.tokenizer if tokenizer is None else tokenizer
    if not callable(tokenizer):
        raise ValueError(
            "`tokenizer` must be a function of a list of strings, since the "
            f"model has none. Received: {tokenizer!r}"
        )

    class Benchmarked(torch.nn.Module):
        def encode_image(self, images):
            images = images.permute(0, 2, 3, 1).cpu().numpy()
            return encode("image", {"images": images})

        def encode_text(self, texts):
            return encode("text", {"texts": texts.cpu().numpy()})

    def encode(kind, inputs):
        outputs = model.predict_on_batch(inputs)[f"{kind}_embeddings"]
        return torch.from_numpy(np.array(outputs, "float32"))

    def transform(image):
        pixels = np.asarray(image.convert("RGB"))[None]
        # Resized as in `predict`, which does not change images of the right
        # size.
        prepared = model.augmenter(pixels, training=False)[0]
        prepared = keras.ops.convert_to_numpy(
            keras.ops.cast(prepared, "float32")
        )
        return torch.from_numpy(prepared.transpose(2, 0, 1).copy())

    def tokenize(texts):
        texts = [texts] if isinstance(texts, str) else list(texts)
        tokens = keras.ops.convert_to_numpy(tokenizer(texts))
        return torch.from_numpy(tokens.astype("int64"))

    return Benchmarked(), transform, tokenize
