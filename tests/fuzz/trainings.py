"""Trains models put together at random: parts, data, arguments, entries.

    KERAS_BACKEND=torch python -m tests.fuzz.trainings --count 200

Each case is a method, a loss, an encoder, an optimizer, a form of the data and
a few arguments, chosen by a number. A training must have finite losses, the
same ones when it is repeated, predictions that do not depend on their batch
size, and a file from which it continues as if it had not been saved; some are
interrupted, and end from their checkpoints as if they had not been. The number
of a case that fails is printed: `--first NUMBER --count 1` repeats it.
"""

import argparse
import random
import sys
import tempfile
import traceback
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

import keras_contrastive as kc
from tests.callbacks.interruption import Interrupt
from tests.callbacks.interruption import Interrupted

SIZE, CLASSES, TOKENS, BATCH, COUNT = 8, 3, 6, 8, 16
SHAPE = (SIZE, SIZE, 3)
BACKEND = keras.backend.backend()


class Case(NamedTuple):
    """Names of the choices below, and arguments of `compile` and `fit`."""

    number: int
    method: str
    loss: str
    encoder: str
    optimizer: str
    data: str
    dtype: str
    policy: str
    entry: str
    interrupted_after: int | None
    options: dict


def case_of(number):
    rng = random.Random(number)
    data = rng.choice(sorted(DATA))
    # The last batch of 17 examples has one, which no microbatch divides.
    microbatches = [None] if data == "arrays, 17" else [None, None, BATCH // 2]
    eager = rng.random() < 0.2
    options = {
        "microbatch_size": rng.choice(microbatches),
        "run_eagerly": eager,
        "steps_per_execution": 1
        if BACKEND == "torch" or eager
        else rng.choice([1, 1, 2]),
        "jit_compile": "auto" if eager else rng.choice(["auto", False]),
    }
    method = rng.choice(sorted(METHODS))
    loss = "default"
    if method in LOSSES:
        loss = rng.choice(sorted(LOSSES[method]))
    if loss == "vicreg":  # which refuses one example
        data = data.removesuffix(", 17")
    return Case(
        number,
        method,
        loss,
        rng.choice(sorted(ENCODERS)),
        rng.choice(sorted(OPTIMIZERS)),
        data,
        rng.choice(["uint8", "float32", "float64"]),
        rng.choice(["float32"] * 3 + ["mixed_bfloat16", "mixed_float16"]),
        rng.choice(sorted(ENTRIES)),
        rng.choice([None, None, None, 1, 2, 3]),
        options,
    )


# Encoders.


def _sequential():
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(SHAPE),
            layers.Conv2D(6, 3, 2),
            layers.BatchNormalization(),
            # Not Keras' own, whose random state is not in the file.
            kc.layers.Dropout(0.1),
            layers.Flatten(),
            layers.Dense(5),
        ]
    )


@keras.saving.register_keras_serializable("fuzz")
class Subclassed(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.conv = keras.layers.Conv2D(6, 3)
        self.norm = keras.layers.BatchNormalization()
        self.pool = keras.layers.GlobalAveragePooling2D()

    def call(self, images, training=False):
        return self.pool(self.norm(self.conv(images), training=training))


def _wrapped():
    images = keras.Input(SHAPE)
    return keras.Model(images, Subclassed()(images))


ENCODERS = {
    "ConvNet": lambda: kc.models.ConvNet(4, 2, SHAPE),
    "ResNet": lambda: kc.models.ResNet("basic", (1, 1), "cifar", 4, SHAPE),
    "Sequential": _sequential,
    "VisionTransformer": lambda: kc.models.VisionTransformer(
        4, 8, 1, 2, input_shape=SHAPE, patch_dropout=0.25
    ),
    "subclassed": _wrapped,
}

# Methods.


def _head():
    return kc.layers.ProjectionHead(8, 8)


def _texts():
    return kc.models.TextTransformer(30, 1, TOKENS, 8, 1, 2)


def _towers(encoder):
    return {
        "images": encoder,
        "texts": _texts(),
        "radar": keras.Sequential([keras.Input((4,)), keras.layers.Dense(6)]),
    }


def _clip_teacher():
    model = kc.CLIPModel(_sequential(), _texts(), 12)
    model.build_from_encoders()
    return model


WITH_TEXTS = "CLIP", "CLIP, ids", "SLIP", "distilled CLIP", "three towers"
METHODS = {
    "BYOL": lambda encoder: kc.BYOLModel(encoder, _head(), predictor=_head()),
    "CLIP": lambda encoder: kc.CLIPModel(encoder, _texts(), 8),
    "CLIP, ids": lambda encoder: kc.CLIPModel(encoder, _texts(), 8),
    "DINO": lambda encoder: kc.DINOModel(encoder, _head(), num_prototypes=12),
    "distilled CLIP": lambda encoder: kc.CLIPDistillationModel(
        encoder, _texts(), 8, teacher=_clip_teacher()
    ),
    "distillation": lambda encoder: kc.DistillationModel(
        encoder, teacher=_sequential()
    ),
    "MoCo": lambda encoder: kc.MoCoModel(encoder, _head(), queue_size=32),
    "MoCo v3": lambda encoder: kc.MoCoModel(
        encoder, _head(), predictor=_head(), queue_size=None
    ),
    "NNCLR": lambda encoder: kc.NNCLRModel(
        encoder, _head(), predictor=_head(), queue_size=32
    ),
    "SimCLR": lambda encoder: kc.SimCLRModel(encoder, _head()),
    "SimCLR, three views": lambda encoder: kc.SimCLRModel(
        encoder, _head(), kc.layers.MultiView(kc.layers.RandomFlip(), 3)
    ),
    "SimCLR, probe": lambda encoder: kc.SimCLRModel(
        encoder, _head(), num_classes=CLASSES
    ),
    "SimSiam": lambda encoder: kc.SimSiamModel(
        encoder, _head(), predictor=_head()
    ),
    "SLIP": lambda encoder: kc.SLIPModel(
        encoder, _texts(), 8, projector=_head()
    ),
    "SwAV": lambda encoder: kc.SwAVModel(encoder, _head(), num_prototypes=6),
    "three towers": lambda encoder: kc.DualEncoderModel(
        _towers(encoder), 8, anchor="images"
    ),
}
# The losses of a method. Others have their default.
_OF_VIEWS = {
    name: lambda name=name: name
    for name in ("barlow_twins", "decoupled", "lejepa", "nt_xent", "vicreg")
}
_OF_VIEWS["weighted"] = lambda: kc.losses.DecoupledNTXentLoss(weight_sigma=0.5)
_OF_TOWERS = {"clip": lambda: "clip", "siglip": lambda: "siglip"}
LOSSES = {
    "CLIP": {
        **_OF_TOWERS,
        "soft targets": lambda: kc.losses.SoftTargetCLIPLoss(),
    },
    "CLIP, ids": _OF_TOWERS,
    "SimCLR": _OF_VIEWS,
    "SimCLR, probe": {**_OF_VIEWS, "supcon": lambda: "supcon"},
    "SimCLR, three views": {"lejepa": lambda: "lejepa"},
    "three towers": _OF_TOWERS,
}

OPTIMIZERS = {
    "SGD": lambda: keras.optimizers.SGD(0.05, 0.9),
    "AdamW": lambda: keras.optimizers.AdamW(1e-3),
    "LARS": lambda: kc.optimizers.LARS(0.1),
    "accumulation": lambda: keras.optimizers.Adam(
        1e-3, gradient_accumulation_steps=2
    ),
    "average": lambda: keras.optimizers.Adam(
        1e-3, use_ema=True, ema_overwrite_frequency=2
    ),
    "clipping": lambda: keras.optimizers.Adam(1e-3, global_clipnorm=1.0),
    "schedule": lambda: keras.optimizers.SGD(
        keras.optimizers.schedules.CosineDecay(0.1, 10)
    ),
}

# Data: functions of the inputs and labels, or of `None` for labels, to the
# first arguments of `fit`, and its keyword arguments.


def _rows(x, rows):
    return keras.tree.map_structure(lambda each: each[rows], x)


def _batches(x, y):
    for start in range(0, COUNT, BATCH):
        rows = slice(start, start + BATCH)
        yield (_rows(x, rows),) if y is None else (_rows(x, rows), y[rows])


def _arrays(x, y):
    return [x] if y is None else [x, y], {"batch_size": BATCH}


def _py_dataset(x, y):
    batches = list(_batches(x, y))

    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return len(batches)

        def __getitem__(self, index):
            return batches[index]

    return [Batches()], {}


def _generator(x, y):
    def forever():
        while True:
            yield from _batches(x, y)

    return [forever()], {"steps_per_epoch": COUNT // BATCH}


def _tf_data(x, y):
    import tensorflow as tf

    slices = x if y is None else (x, y)
    return [tf.data.Dataset.from_tensor_slices(slices).batch(BATCH)], {}


def _data_loader(x, y):
    import torch

    class Examples(torch.utils.data.Dataset):
        def __len__(self):
            return COUNT

        def __getitem__(self, index):
            one = _rows(x, index)
            return (one,) if y is None else (one, y[index])

    return [torch.utils.data.DataLoader(Examples(), BATCH)], {}


DATA = {
    "arrays": _arrays,
    "arrays, 17": _arrays,
    "DataLoader": _data_loader,
    "generator": _generator,
    "PyDataset": _py_dataset,
    "tf.data": _tf_data,
}

# What comes after `fit`: functions of the model, the data and the keyword
# arguments, whose losses must be finite.


def _evaluate(model, data, arguments):
    arguments = dict(arguments)
    steps = arguments.pop("steps_per_epoch", None)
    return model.evaluate(
        *data, **arguments, steps=steps, verbose=0, return_dict=True
    )["loss"]


def _fit_again(model, data, arguments):
    # In order: on JAX the first `fit` reads a batch more, and shuffles again.
    history = model.fit(*data, **arguments, shuffle=False, verbose=0).history
    return history["loss"]


def _one_step(model, data, arguments):
    if "batch_size" not in arguments:
        return 0.0
    batch = [_rows(each, slice(0, BATCH)) for each in data]
    loss = model.train_on_batch(*batch, return_dict=True)["loss"]
    return [loss, model.test_on_batch(*batch, return_dict=True)["loss"]]


def _validate(model, data, arguments):
    if "batch_size" not in arguments:
        return 0.0
    history = model.fit(
        *data, **arguments, validation_split=0.5, verbose=0
    ).history
    return history["val_loss"]


ENTRIES = {
    "evaluate": _evaluate,
    "fit again": _fit_again,
    "train_on_batch": _one_step,
    "validation_split": _validate,
}


def model_of(case):
    """The compiled model."""
    keras.utils.clear_session()
    keras.config.set_dtype_policy(case.policy)
    keras.utils.set_random_seed(case.number)
    model = METHODS[case.method](ENCODERS[case.encoder]())
    if case.loss != "default":
        loss = LOSSES[case.method][case.loss]()
    else:
        loss = None
    model.compile(OPTIMIZERS[case.optimizer](), loss, **case.options)
    return model


def data_of(case):
    """The first arguments of `fit`, keyword arguments, and the images."""
    rng = np.random.default_rng(case.number)
    count = 17 if case.data == "arrays, 17" else COUNT
    images = rng.integers(0, 256, (count, *SHAPE)).astype("uint8")
    if case.dtype != "uint8":
        images = (images / 255).astype(case.dtype)
    x, labels = images, None
    if case.method in WITH_TEXTS:
        texts = rng.integers(2, 30, (count, TOKENS)).astype("int32")
        texts[:, -1] = 1
        x = {"images": images, "texts": texts}
    if case.method == "CLIP, ids":
        x["image_ids"] = rng.integers(0, count // 2, count).astype("int32")
    if case.method == "three towers":
        x["radar"] = rng.normal(size=(count, 4)).astype("float32")
    if case.method == "SimCLR, probe":
        labels = rng.integers(0, CLASSES, count)
    return *DATA[case.data](x, labels), images


def predicted(model, images, batch_size):
    if isinstance(model, kc.models.DualEncoderModel):
        outputs = model.predict({"images": images}, batch_size, verbose=0)
        return np.float32(outputs["images_embeddings"])
    if hasattr(model, "encode_image"):
        model = keras.Sequential(
            [keras.Input(images.shape[1:]), _Encode(model)]
        )
    return np.float32(model.predict(images, batch_size, verbose=0))


class _Encode(keras.Layer):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def call(self, images):
        return self.model.encode_image(images)


def whole_run(case, *callbacks):
    """The losses of two epochs, and the weights after them."""
    model = model_of(case)
    data, arguments, _ = data_of(case)
    history = model.fit(
        *data,
        **arguments,
        epochs=2,
        shuffle=False,
        callbacks=list(callbacks),
        verbose=0,
    )
    return [history.history["loss"], *model.get_weights()]


def resumed_run(case):
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = kc.callbacks.Checkpoint(folder, every_n_steps=1)
        try:
            whole_run(case, checkpoint, Interrupt(case.interrupted_after))
        except Interrupted:
            pass
        return whole_run(case, kc.callbacks.Checkpoint(folder, every_n_steps=1))


def check(case):
    """Raises an error if the training breaks one of its promises."""
    losses = []
    for _ in range(2):
        model = model_of(case)
        data, arguments, images = data_of(case)
        history = model.fit(*data, **arguments, epochs=2, verbose=0).history
        losses.append(history["loss"])
    assert np.isfinite(losses).all(), losses
    np.testing.assert_allclose(*losses, rtol=1e-4)

    tolerance = 2e-5 if case.policy == "float32" else 0.05
    bounds = {"rtol": tolerance, "atol": tolerance}
    outputs = predicted(model, images, len(images))
    assert np.isfinite(outputs).all() and len(outputs) == len(images)
    np.testing.assert_allclose(predicted(model, images, 5), outputs, **bounds)

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.keras")
        model.save(path)
        restored = keras.models.load_model(path)
    np.testing.assert_allclose(
        predicted(restored, images, len(images)), outputs, **bounds
    )
    if case.interrupted_after is not None:
        for one, other in zip(whole_run(case), resumed_run(case), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
    going_on = []
    for each in (model, restored):
        keras.utils.set_random_seed(case.number)
        # Once more, since Keras reads ahead of what it takes from a generator.
        data, arguments, _ = data_of(case)
        going_on.append(ENTRIES[case.entry](each, data, arguments))
    assert np.isfinite(going_on).all(), going_on
    np.testing.assert_allclose(*going_on, rtol=1e-3, atol=1e-5)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--first", type=int, default=0)
    arguments = parser.parse_args()
    failed = 0
    for number in range(arguments.first, arguments.first + arguments.count):
        case = case_of(number)
        try:
            check(case)
        except Exception as error:
            failed += 1
            line = traceback.extract_tb(error.__traceback__)[-1]
            print(case, type(error).__name__, str(error)[:300], line)
    print(f"{arguments.count} cases on {BACKEND}, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
