"""Trainings that hold all that a checkpoint must hold.

Each function returns a new model and the arguments of `fit`.
"""

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests.models.helpers import PyBatches
from tests.models.helpers import as_data_loader
from tests.models.helpers import clip
from tests.models.helpers import dual
from tests.models.helpers import encoder
from tests.models.helpers import images_and_labels
from tests.models.helpers import images_and_texts
from tests.models.helpers import simclr
from tests.models.helpers import text_encoder
from tests.models.helpers import three_kinds

IMAGES, LABELS = images_and_labels(32)


def optimizer():
    return keras.optimizers.AdamW(
        kc.optimizers.warmup_cosine(1e-2, 12), use_ema=True, ema_momentum=0.9
    )


def simclr_run():
    """Microbatches, probe, moving average, schedule, dropout, late metric."""
    model = simclr(
        encoder(dropout=0.3),
        optimizer(),
        {"microbatch_size": 4, "metrics": [kc.metrics.EffectiveRank()]},
        num_classes=4,
    )
    return model, {"x": IMAGES, "y": LABELS, "batch_size": 8}


def clip_run():
    model = clip(
        encoder(dropout=0.3), optimizer(), text_encoder=text_encoder(0.3)
    )
    x = dict(zip(("images", "texts"), images_and_texts(32), strict=True))
    return model, {"x": x, "batch_size": 8}


def dual_run():
    return dual(optimizer=optimizer()), {"x": three_kinds(32), "batch_size": 8}


def accumulating_run():
    """Gradients of two steps, and a loss scale, are state of the optimizer."""
    keras.config.set_dtype_policy("mixed_float16")
    model = simclr(
        optimizer=keras.optimizers.SGD(0.1, gradient_accumulation_steps=2)
    )
    return model, {"x": IMAGES, "batch_size": 8}


def several_steps_run():
    if keras.backend.backend() == "torch":
        pytest.skip("Keras has no several steps per execution on PyTorch.")
    model = simclr(compile={"steps_per_execution": 2})
    return model, {"x": IMAGES, "batch_size": 8}


def py_dataset_run():
    return simclr(), {"x": PyBatches((IMAGES, LABELS)), "shuffle": True}


def data_loader_run():
    torch = pytest.importorskip("torch")
    # Keras seeds it on its own backend only, or where it is imported already.
    torch.manual_seed(0)
    dataset = as_data_loader((IMAGES, LABELS)).dataset
    loader = torch.utils.data.DataLoader(dataset, batch_size=8, shuffle=True)
    return simclr(), {"x": loader}


def image_text_run():
    pytest.importorskip("PIL")
    records = [
        {"image": image, "captions": [f"{label} one", f"{label} two", "three"]}
        for image, label in zip(IMAGES, LABELS, strict=True)
    ]

    def tokenizer(captions):
        codes = [[ord(x) % 16 + 3 for x in text[:5]] + [2] for text in captions]
        return keras.utils.pad_sequences(codes, 6, padding="post")

    dataset = kc.datasets.ImageTextDataset(records, tokenizer, 8, 16)
    return clip(), {"x": dataset}


def plain_keras_run():
    model = keras.Sequential(
        [
            keras.Input(IMAGES.shape[1:]),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(8),
        ]
    )
    model.compile("adam", "mse", metrics=["mae"])
    return model, {"x": IMAGES, "y": np.eye(8)[LABELS], "batch_size": 8}
