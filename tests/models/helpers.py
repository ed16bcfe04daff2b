"""Small models and data for the tests of models."""

import keras
import numpy as np
import pytest

import keras_contrastive as kc

SIZE = 16


def images_and_labels(n=16, seed=0):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, size=(n, SIZE, SIZE, 3)).astype("uint8")
    return images, rng.integers(0, 4, size=n)


def encoder(batch_norm=True, dropout=0.0):
    layers = [
        keras.Input((SIZE, SIZE, 3)),
        keras.layers.Conv2D(8, 4, strides=4, name="conv"),
        keras.layers.Activation("relu"),
        keras.layers.Flatten(),
        keras.layers.Dense(8, name="dense"),
    ]
    if batch_norm:
        layers.insert(2, keras.layers.BatchNormalization(name="norm"))
    if dropout:
        layers.append(keras.layers.Dropout(dropout))
    return keras.Sequential(layers)


def simclr(encoder_=None, optimizer="adam", compile=None, **kwargs):
    model = kc.SimCLRModel(
        encoder_ or encoder(),
        kc.layers.ProjectionHead(8, 4),
        # Two layers of the four: each is compiled anew in every test.
        keras.layers.Pipeline(
            [
                kc.layers.RandomResizedCrop(SIZE, SIZE, seed=1),
                kc.layers.RandomFlip(seed=2),
            ]
        ),
        **kwargs,
    )
    model.compile(optimizer, **(compile or {}))
    return model


TOKENS = 6
END = 2


def images_and_texts(n=16, seed=0):
    """Random images with random captions, `[start] words [end] pad`."""
    rng = np.random.default_rng(seed)
    images, _ = images_and_labels(n, seed)
    texts = rng.integers(3, 20, size=(n, TOKENS)).astype("int32")
    texts[:, 0] = 1
    texts[np.arange(n), rng.integers(2, TOKENS, size=n)] = END
    return images, texts


def text_encoder(dropout=0.0):
    layers = [
        keras.Input((TOKENS,), dtype="int32"),
        keras.layers.Embedding(20, 8, name="embedding"),
        keras.layers.GlobalAveragePooling1D(),
        keras.layers.Dense(8, name="dense"),
    ]
    if dropout:
        layers.append(keras.layers.Dropout(dropout))
    return keras.Sequential(layers)


def clip(image_encoder=None, optimizer="adam", compile=None, **kwargs):
    kwargs.setdefault("text_encoder", text_encoder())
    kwargs.setdefault(
        "augmenter", kc.layers.RandomResizedCrop(SIZE, SIZE, seed=1)
    )
    model = kc.CLIPModel(image_encoder or encoder(), projection_dim=4, **kwargs)
    # Tracing takes TensorFlow most of a test's time; some tests ask for it.
    eager = {"run_eagerly": keras.backend.backend() == "tensorflow"}
    model.compile(optimizer, **{**eager, **(compile or {})})
    return model


def three_kinds(n=16, seed=0):
    """Random images, texts and signals of a sensor."""
    images, texts = images_and_texts(n, seed)
    signals = np.random.default_rng(seed).normal(size=(n, 10, 2))
    return {
        "image": images,
        "text": texts,
        "sensor": signals.astype("float32"),
    }


def dual(
    names=("image", "text", "sensor"), optimizer="adam", compile=None, **kwargs
):
    """A `DualEncoderModel` of some of `three_kinds`."""
    sensor_encoder = [
        keras.Input((10, 2)),
        keras.layers.Flatten(),
        keras.layers.Dense(8, name="dense"),
    ]
    encoders = {
        "image": encoder(batch_norm=False),
        "text": text_encoder(),
        "sensor": keras.Sequential(sensor_encoder),
    }
    augmenters = {
        "image": kc.layers.RandomResizedCrop(SIZE, SIZE, seed=1),
        "sensor": kc.layers.RandomSignalJitter(0.1, seed=2),
    }
    kwargs.setdefault("encoders", {name: encoders[name] for name in names})
    given = kwargs["encoders"]
    kwargs.setdefault(
        "augmenters", {k: v for k, v in augmenters.items() if k in given}
    )
    if len(given) > 2:
        kwargs.setdefault("anchor", "image")
    model = kc.DualEncoderModel(projection_dim=4, **kwargs)
    eager = {"run_eagerly": keras.backend.backend() == "tensorflow"}
    model.compile(optimizer, **{**eager, **(compile or {})})
    return model


# The kinds of data that `fit` takes. Each is made of arrays in a structure:
# an array, a tuple or a dict of arrays.


class PyBatches(keras.utils.PyDataset):
    def __init__(self, arrays, size=8):
        super().__init__()
        self.arrays, self.size = arrays, size

    def __len__(self):
        return len(keras.tree.flatten(self.arrays)[0]) // self.size

    def __getitem__(self, index):
        rows = slice(index * self.size, (index + 1) * self.size)
        batch = keras.tree.map_structure(lambda a: a[rows], self.arrays)
        return batch if isinstance(batch, tuple) else (batch,)


def as_tf_data(arrays):
    tf = pytest.importorskip("tensorflow")
    return tf.data.Dataset.from_tensor_slices(arrays).batch(8)


def as_data_loader(arrays):
    torch = pytest.importorskip("torch")

    class Dataset(torch.utils.data.Dataset):
        def __len__(self):
            return len(keras.tree.flatten(arrays)[0])

        def __getitem__(self, index):
            item = keras.tree.map_structure(lambda a: a[index], arrays)
            return item if isinstance(item, tuple) else (item,)

    return torch.utils.data.DataLoader(Dataset(), batch_size=8)


KINDS_OF_DATA = [PyBatches, as_tf_data, as_data_loader]


def to_numpy(tensor):
    return keras.ops.convert_to_numpy(tensor)


def weights_of(model):
    return [to_numpy(v) for v in model.trainable_variables]


class Stop(keras.callbacks.Callback):
    """Ends a run as a kill would, in the middle of an epoch."""

    def on_train_batch_end(self, batch, logs=None):
        if self.model.optimizer.iterations == 6:
            raise KeyboardInterrupt


def check_that_a_stopped_run_goes_on(make, x, y, folder):
    """Stops a run of `make()`, and compares it with one that ran through."""

    def run(name, *callbacks):
        model = make()
        checkpoint = kc.callbacks.Checkpoint(folder / name, every_n_steps=1)
        history = model.fit(
            x,
            y,
            batch_size=8,
            epochs=3,
            shuffle=False,
            callbacks=[checkpoint, *callbacks],
            verbose=0,
        ).history
        return history, [to_numpy(v) for v in model.weights]

    history, weights = run("whole")
    with pytest.raises(KeyboardInterrupt):
        run("stopped", Stop())
    again, others = run("stopped")
    assert again == history
    for old, new in zip(weights, others, strict=True):
        np.testing.assert_array_equal(old, new)
