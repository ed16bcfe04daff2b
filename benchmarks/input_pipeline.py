"""Images from files to batches in memory, beside other packages.

    python benchmarks/input_pipeline.py

Pictures of 1/f noise, whose JPEG files are as large as photographs': 32x32 as
they are, and 500x375 resized and cropped to 224. A batch counts once it is in
the main process. The two panels at the end train: how many images a second from
files and from an array, whose difference is the time that a step waits for
data. Writes a table and a plot into `benchmarks/results/`.
"""

import argparse
import functools
import io
import itertools
import json
import statistics
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from side_by_side import compare

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--rounds", default=3, type=int)
parser.add_argument("--run", help="one contender, in its own process")

FOLDER = Path(__file__).parents[1] / "build" / "pictures"
SMALL, LARGE = "32 pixels", "500x375 to 224 pixels"
SHARDS = "shard-0.tar", "shard-1.tar"
# Panel: height and width of the files, size that is delivered, files, batch.
SIZES = {SMALL: (32, 32, 32, 10_000, 256), LARGE: (375, 500, 224, 1_000, 64)}
READERS = [
    "PyTorch DataLoader, 2 workers",
    "Keras image_dataset (TensorFlow)",
    "ours, files",
    "ours, files (PyTorch)",
    "ours, files, 1 worker",
    "webdataset, tar shards, 2 workers",
    "ours, tar shards",
    "ours, TFRecord",
]
TRAINING = {
    "SimCLR, ResNet-18, 32 pixels, batch 32": SMALL,
    "CLIP, small towers, 64 pixels, batch 64": LARGE,
}
PANELS = {
    SMALL: READERS,
    LARGE: READERS,
    **{
        panel: [
            "from memory (TensorFlow)",
            "ours, from files (TensorFlow)",
            "ours, from files, cached (TensorFlow)",
        ]
        for panel in TRAINING
    },
}


def picture(rng, height, width):
    """Noise with the spectrum of photographs, as the bytes of a JPEG."""
    from PIL import Image

    frequency = np.hypot(
        *np.meshgrid(
            np.fft.fftfreq(height), np.fft.rfftfreq(width), indexing="ij"
        )
    )
    frequency[0, 0] = 1
    # Colours mostly go together, as in photographs.
    noise = rng.normal(size=(height, width, 1))
    noise = noise + 0.3 * rng.normal(size=(height, width, 3))
    spectrum = np.fft.rfft2(noise, axes=(0, 1)) / frequency[:, :, None]
    pixels = np.fft.irfft2(spectrum, (height, width), axes=(0, 1))
    pixels = 128 + 50 * pixels / pixels.std()
    file = io.BytesIO()
    image = Image.fromarray(pixels.clip(0, 255).astype("uint8"))
    image.save(file, "jpeg", quality=90)
    return file.getvalue()


def make_files():
    """JPEG files, tar shards and TFRecord files of the same pictures."""
    import contextlib
    import os

    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tarfile

    import tensorflow as tf

    for panel, (height, width, _, count, _) in SIZES.items():
        folder = folder_of(panel)
        if (folder / "complete").exists():
            continue
        (folder / "files" / "any").mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(0)
        with contextlib.ExitStack() as files:
            # One for each worker.
            shards = [
                files.enter_context(tarfile.open(folder / name, "w"))
                for name in SHARDS
            ]
            path = str(folder / "pictures.tfrecord")
            record = files.enter_context(tf.io.TFRecordWriter(path))
            for i in range(count):
                content = picture(rng, height, width)
                path = folder / "files" / "any" / f"{i:05}.jpg"
                path.write_bytes(content)
                record.write(content)
                for name, data in ((".jpg", content), (".txt", b"noise")):
                    info = tarfile.TarInfo(f"{i:05}{name}")
                    info.size = len(data)
                    shards[i % 2].addfile(info, io.BytesIO(data))
        (folder / "complete").touch()


def folder_of(panel):
    return FOLDER / panel.replace(" ", "_")


def images_a_second(batches, count):
    """From the second batch on: the first waits for what starts up."""
    batches = iter(batches)
    next(batches)
    start, seen = time.perf_counter(), 0
    for batch in itertools.islice(batches, count):
        seen += len(batch)
    return seen / (time.perf_counter() - start)


def torchvision_transform(size):
    """That of open_clip's evaluation, without normalization."""
    import peers

    peers.make_torchvision_importable()
    from torchvision import transforms

    return transforms.Compose(
        [
            transforms.Resize(
                size, transforms.InterpolationMode.BICUBIC, antialias=True
            ),
            transforms.CenterCrop(size),
            transforms.PILToTensor(),
        ]
    )


def data_loader(panel):
    """PyTorch's."""
    *_, size, _, batch = SIZES[panel]
    transform = torchvision_transform(size)
    import torch
    from PIL import Image

    paths = sorted((folder_of(panel) / "files").glob("*/*.jpg"))

    class Pictures(torch.utils.data.Dataset):
        def __len__(self):
            return len(paths)

        def __getitem__(self, index):
            return transform(Image.open(paths[index]).convert("RGB"))

    return torch.utils.data.DataLoader(
        Pictures(), batch, shuffle=True, num_workers=2, drop_last=True
    )


def keras_files(panel):
    import keras

    *_, size, _, batch = SIZES[panel]
    dataset = keras.utils.image_dataset_from_directory(
        str(folder_of(panel) / "files"),
        labels=None,
        batch_size=batch,
        image_size=(size, size),
        interpolation="bicubic",
        crop_to_aspect_ratio=True,
        verbose=False,
    )
    return dataset.as_numpy_iterator()


def our_files(panel, workers=None):
    import keras_contrastive as kc

    *_, size, _, batch = SIZES[panel]
    paths = kc.datasets.image_folder(folder_of(panel) / "files").paths
    return kc.datasets.ImageDataset(paths, batch, size, workers=workers)


def web_dataset(panel):
    """As its pages show it: shuffled in a buffer, batches made by workers."""
    *_, size, _, batch = SIZES[panel]
    transform = torchvision_transform(size)
    import webdataset

    dataset = (
        webdataset.WebDataset(
            [str(folder_of(panel) / name) for name in SHARDS],
            shardshuffle=len(SHARDS),
        )
        .repeat()
        .shuffle(1000)
        .decode("pilrgb")
        .to_tuple("jpg", "txt")
        .map_tuple(transform, lambda text: text)
        .batched(batch)
    )
    loader = webdataset.WebLoader(dataset, batch_size=None, num_workers=2)
    return (images for images, _ in loader)


def our_shards(panel):
    import keras_contrastive as kc

    *_, size, count, batch = SIZES[panel]
    dataset = kc.datasets.image_text_shards(
        str(folder_of(panel) / "shard-*.tar"),
        lambda texts: np.zeros((len(texts), 1), "int32"),
        batch_size=batch,
        image_size=size,
        num_examples=count,
    )
    return (dataset[i]["images"] for i in range(len(dataset)))


def our_records(panel):
    """TensorFlow reads and mixes the file, our threads decode."""
    import tensorflow as tf

    import keras_contrastive as kc

    *_, size, _, batch = SIZES[panel]
    path = str(folder_of(panel) / "pictures.tfrecord")
    records = list(tf.data.TFRecordDataset(path).as_numpy_iterator())
    return kc.datasets.ImageDataset(records, batch, size)


def training(panel, name):
    """Images a second of `fit`."""
    import keras
    from small_models import small_clip
    from small_models import small_texts

    import keras_contrastive as kc

    batch = int(panel.split()[-1])
    size, steps = (32, 12) if batch == 32 else (64, 10)
    paths = kc.datasets.image_folder(folder_of(TRAINING[panel]) / "files").paths
    paths = paths[: steps * batch]
    cached = "cached" in name
    if batch == 32:
        model = kc.SimCLRModel(kc.models.ResNet18("cifar"))
        model.compile(keras.optimizers.SGD(0.05, 0.9))
        data = kc.datasets.ImageDataset(paths, batch, size, cache=cached)
    else:
        model = small_clip()
        model.compile(keras.optimizers.AdamW(1e-3))
        tokens = small_texts(np.random.default_rng(0), batch)
        data = kc.datasets.ImageTextDataset(
            [{"image": path, "captions": "noise"} for path in paths],
            lambda texts: tokens[: len(texts)],
            batch,
            size,
            cache=cached,
        )
    keywords = {}
    if name.startswith("from memory"):
        batches = [data[i] for i in range(len(data))]
        data = keras.tree.map_structure(lambda *x: np.concatenate(x), *batches)
        keywords["batch_size"] = batch
    times = []

    class Clock(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            times.append(time.perf_counter())

    model.fit(data, epochs=2, verbose=0, callbacks=[Clock()], **keywords)
    return batch / statistics.median(np.diff(times[steps:]))


def run(panel, name):
    if panel in TRAINING:
        return training(panel, name)
    reader = {
        "PyTorch DataLoader, 2 workers": data_loader,
        "Keras image_dataset (TensorFlow)": keras_files,
        "ours, files": our_files,
        "ours, files (PyTorch)": our_files,
        "ours, files, 1 worker": functools.partial(our_files, workers=1),
        "webdataset, tar shards, 2 workers": web_dataset,
        "ours, tar shards": our_shards,
        "ours, TFRecord": our_records,
    }[name]
    *_, count, batch = SIZES[panel]
    return images_a_second(reader(panel), count // batch - 2)


if __name__ == "__main__":
    args = parser.parse_args()
    if args.run:
        sys.path.insert(0, str(Path(__file__).parents[1]))
        print(run(*json.loads(args.run)))
    else:
        make_files()
        compare(__file__, PANELS, "images/s", args.rounds, "Reading images")
