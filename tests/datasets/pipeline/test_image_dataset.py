"""`ImageDataset` on sequences and folders of images."""

import io

import numpy as np
import pytest

import keras_contrastive as kc
from tests.datasets import photographs

Image = pytest.importorskip("PIL.Image")

COUNT = 3
PILLOW = [
    Image.fromarray(np.full((9, 8, 3), 10 * number, "uint8"))
    for number in range(COUNT)
]


def encoded(image):
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


UNDECODED = [{"bytes": encoded(image), "path": None} for image in PILLOW]


class HuggingFace:
    """A `datasets.Dataset`, which decodes a row on access."""

    column_names = ["image", "label"]
    shape = (COUNT, 2)

    def __init__(self):
        self.decoded = []

    def __len__(self):
        return COUNT

    def __getitem__(self, key):
        if isinstance(key, str):
            return Column(self, key)
        self.decoded.append(key)
        return {"image": PILLOW[key].copy(), "label": key}


class Column:
    """The type of `dataset["image"]` since `datasets` 4."""

    def __init__(self, source, name):
        self.source, self.name = source, name

    def __len__(self):
        return len(self.source)

    def __getitem__(self, index):
        return self.source[index][self.name]


class Series:
    """A pandas Series: integer indices are labels, here in another order."""

    iloc = None

    def __init__(self, values):
        self.values = values

    def __len__(self):
        return len(self.values)

    def __getitem__(self, label):
        raise KeyError(label)

    def to_list(self):
        return list(self.values)


class DataFrame:
    iloc = None

    def __init__(self, rows):
        self.rows = rows
        self.columns = list(rows[0])

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, name):
        return Series([row[name] for row in self.rows])

    def to_dict(self, orient):
        assert orient == "records"
        return [dict(row) for row in self.rows]


class Polars(DataFrame):
    iloc = property()  # has none

    def to_dicts(self):
        return self.rows


def make(images, batch_size=COUNT, **arguments):
    return kc.datasets.ImageDataset(
        images, batch_size, 4, shuffle=False, **arguments
    )


def numbers(images):
    (batch,) = make(images)
    return [photographs.number_of(image) for image in batch]


ARRAYS = np.stack([np.asarray(image) for image in PILLOW])
SEQUENCES = {
    "Pillow": PILLOW,
    "bytes": [encoded(image) for image in PILLOW],
    "dicts of bytes": UNDECODED,
    "array": ARRAYS,
    "gray": ARRAYS[..., 0],
    "rows": [{"image": image, "label": 1} for image in PILLOW],
    "rows of dicts": [{"image": image} for image in UNDECODED],
    "Hugging Face": HuggingFace(),
    "Hugging Face, column": HuggingFace()["image"],
    "Hugging Face, slice": {"image": PILLOW, "label": [0, 1, 2]},
    "pandas": DataFrame([{"image": image} for image in UNDECODED]),
    "pandas, column": DataFrame([{"img": i} for i in PILLOW])["img"],
    "polars": Polars([{"image": image} for image in UNDECODED]),
    "records": [kc.datasets.CaptionedImage(i, ("a",), 5) for i in PILLOW],
    "iterator": iter(PILLOW),
}


@pytest.mark.parametrize("images", SEQUENCES.values(), ids=SEQUENCES)
def test_sequences(images):
    assert numbers(images) == [0, 1, 2]


def test_rows_are_read_one_by_one():
    source = HuggingFace()
    dataset = make(source, 1, max_queue_size=0)
    assert set(source.decoded) == {0}  # to look at the first
    dataset[1]
    assert set(source.decoded) == {0, 1}


def test_folders(tmp_path):
    for number in range(COUNT):
        photographs.write_photograph(
            tmp_path / "some" / photographs.name_of(number), number
        )
    for images in (
        tmp_path,
        str(tmp_path),
        kc.datasets.image_folder(tmp_path),
        np.array(list(map(str, kc.datasets.image_folder(tmp_path).paths))),
    ):
        assert numbers(images) == [0, 1, 2]
    with pytest.raises(FileNotFoundError, match="must be a folder.*nowhere"):
        make(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="must be a folder or.*100.jpg"):
        make(str(tmp_path / "some" / "100.jpg"))


class Iterable:
    """A stream of Hugging Face, or a `tf.data.Dataset`."""

    def __iter__(self):
        raise AssertionError("never read")


WRONG = {
    "None": (None, "must be a sequence.*NoneType"),
    "number": (7, "must be a sequence"),
    "bytes": (b"content", "must be a sequence.*bytes"),
    "stream": (Iterable(), "must be a sequence.*Iterable"),
    "Pillow": (PILLOW[0], "must be a sequence.*Image"),
    "image": (ARRAYS[0], r"must have the shape \(n.*\(9, 8, 3\)"),
    "matrix": (np.zeros((9, 8)), "must have the shape"),
    "other column": (
        [{"img": image, "label": 1} for image in PILLOW],
        r"dicts with an 'image'.*\['img', 'label'\].*dataset\['img'\]",
    ),
    "other pandas": (
        DataFrame([{"img": image} for image in UNDECODED]),
        "dicts with an 'image'",
    ),
    "splits": ({"train": HuggingFace()}, r"needs \['image'\].*\['train'\]"),
    "columns": ({"image": PILLOW, "label": [1]}, "the same length.*3.*1"),
    "pairs": ([(image, 1) for image in PILLOW], r"images\[0\]: An image must"),
    "labels": ([7, 8, 9], r"images\[0\]: An image must be.*Received: 7"),
    "floats": (1.0 * ARRAYS[[1, 2, 1]], r"images\[0\]: .*floats from 0 to 1"),
    "empty": ([], "must hold at least 3 records. Received: 0"),
    "missing": (["a.jpg", "b.jpg", "c.jpg"], r"images\[0\], a.jpg: "),
}


@pytest.mark.parametrize("images, message", WRONG.values(), ids=WRONG)
def test_errors_before_training(images, message):
    with pytest.raises(ValueError, match=message):
        make(images)


@pytest.mark.parametrize("bad", [None, float("nan"), 7, "nowhere.png"])
@pytest.mark.parametrize("place", [0, 2])
def test_bad_images_are_replaced_counted_and_named(bad, place):
    images = [*PILLOW]
    images[place] = bad
    dataset = make(images, max_bad_fraction=0.4)
    with pytest.warns(UserWarning, match=rf"1 of 3.*\n- images\[{place}\]"):
        (batch,) = dataset
    found = {photographs.number_of(image) for image in batch}
    assert found <= {0, 1, 2} - {place}


def test_the_same_bad_image_counts_each_time():
    images = ["nowhere.png", *PILLOW, "nowhere.png", *PILLOW]
    dataset = make(images, 8, max_bad_fraction=0.3)
    with pytest.warns(UserWarning, match="2 of 8"):
        list(dataset)
    with pytest.raises(ValueError, match="2 of 8"):
        list(make(images, 8, max_bad_fraction=0.2))


def test_rows_that_cannot_be_read():
    class Damaged(HuggingFace):
        def __getitem__(self, index):
            if index == 1:
                raise SyntaxError("broken PNG")
            return super().__getitem__(index)

    dataset = make(Damaged(), max_bad_fraction=0.4)
    with pytest.warns(UserWarning, match=r"images\[1\] raises SyntaxError: br"):
        list(dataset)


@pytest.mark.one_backend
def test_fit_on_pillow_images():
    model = kc.SimCLRModel(
        kc.models.ConvNet(width=4, input_shape=(8, 8, 3)),
        augmenter=kc.layers.simclr_augmentation("cifar10", 8, 8),
    )
    model.compile()
    dataset = kc.datasets.ImageDataset(HuggingFace(), 2, 8)
    history = model.fit(dataset, verbose=0).history
    assert np.isfinite(history["loss"]).all()


def test_the_order_is_that_of_an_image_text_dataset():
    """Both draw it only from `seed` and the epoch."""
    images = [np.full((5, 4, 3), value, "uint8") for value in range(0, 240, 20)]
    records = [{"image": image, "captions": ["a"]} for image in images]
    alone = kc.datasets.ImageDataset(images, 4, 4, seed=5)
    paired = kc.datasets.ImageTextDataset(
        records, lambda captions: np.zeros((len(captions), 1)), 4, 4, seed=5
    )
    epochs = []
    for epoch in range(2):
        alone.epoch = paired.epoch = epoch
        epochs.append(np.concatenate(list(alone)))
        np.testing.assert_array_equal(
            epochs[-1], np.concatenate([batch["images"] for batch in paired])
        )
    assert np.any(epochs[0] != epochs[1])


@pytest.mark.one_backend
def test_fit_starts_with_the_initial_epoch():
    class Recorder(kc.datasets.ImageDataset):
        def __getitem__(self, index):
            seen.append(self.epoch)
            return super().__getitem__(index)

    seen = []
    model = kc.SimCLRModel(
        kc.models.ConvNet(width=4, input_shape=(8, 8, 3)),
        augmenter=kc.layers.simclr_augmentation("cifar10", 8, 8),
    )
    model.compile()
    dataset = Recorder(list(ARRAYS) * 4, 4, 8)
    model.fit(dataset, initial_epoch=3, epochs=5, verbose=0)
    assert seen[-6:] == [3, 3, 3, 4, 4, 4]
    assert dataset.epoch == 5


def test_takes_no_captions():
    with pytest.raises(TypeError, match="caption"):
        make(PILLOW, caption="first")
