from pathlib import Path

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.trainer.unread_data import check_is_read

pytestmark = pytest.mark.one_backend

PIXELS = np.zeros((8, 8, 3), "uint8")


@pytest.fixture
def model():
    model = kc.SimCLRModel(kc.models.ConvNet(4, input_shape=(8, 8, 3)))
    model.compile()
    return model


def pillow_images():
    return [pytest.importorskip("PIL.Image").fromarray(PIXELS)]


def torch_dataset():
    data = pytest.importorskip("torch").utils.data

    class Dataset(data.Dataset):
        def __len__(self):
            return 1

        def __getitem__(self, index):
            return PIXELS, 1

    return Dataset()


def torch_stream():
    data = pytest.importorskip("torch").utils.data

    class Stream(data.IterableDataset):
        def __iter__(self):
            yield PIXELS, 1

    return Stream()


def hugging_face():
    datasets = pytest.importorskip("datasets")
    return datasets.Dataset.from_dict({"image": ["a.jpg"]})


IMAGES = "kc.datasets.ImageDataset(x, batch"
RECORDS = "kc.datasets.ImageDataset(kc.datasets.image_records(x, image=...), "


@pytest.mark.parametrize(
    "make, line",
    [
        (lambda: "photographs", IMAGES),
        (lambda: Path("photographs"), IMAGES),
        (lambda: "pairs.csv", RECORDS),
        (lambda: "data/*.parquet", RECORDS),
        (lambda: "0.tar", "kc.datasets.image_shards(x, batch"),
        (lambda: ["a.jpg", "b.JPG"], IMAGES),
        (lambda: [{"image": PIXELS}], IMAGES),
        (pillow_images, IMAGES),
        (lambda: kc.datasets.image_records([PIXELS]), IMAGES),
        (
            lambda: pytest.importorskip("pandas").DataFrame({"a": ["b.jpg"]}),
            RECORDS,
        ),
        (lambda: pytest.importorskip("pandas").Series(["b.jpg"]), RECORDS),
        (
            lambda: pytest.importorskip("polars").DataFrame({"a": ["b.jpg"]}),
            RECORDS,
        ),
        (lambda: pytest.importorskip("pyarrow").table({"a": ["b"]}), RECORDS),
        (hugging_face, RECORDS),
        (
            lambda: hugging_face().to_iterable_dataset(),
            "kc.datasets.image_stream(x, batch",
        ),
        (torch_dataset, RECORDS),
        (torch_stream, "kc.datasets.image_stream(x, batch"),
    ],
)
def test_the_line_to_write(make, line):
    with pytest.raises(ValueError) as error:
        check_is_read("x", make())
    message = str(error.value)
    assert "`x` must be arrays or batches" in message
    assert line in message and "tokenizer" in message


def test_every_entry(model):
    for call in (model.fit, model.evaluate, model.predict):
        with pytest.raises(ValueError, match="`x` must be.*ImageDataset"):
            call("photographs")
    with pytest.raises(ValueError, match="`validation_data` must .*dation_dat"):
        model.fit(np.stack([PIXELS] * 4), validation_data="photographs")


def test_what_keras_takes_is_left_to_it():
    pandas = pytest.importorskip("pandas")
    torch = pytest.importorskip("torch")
    images = np.stack([PIXELS] * 2)
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(torch.zeros(4, 3))
    )
    for data in (
        None,
        images,
        (images, images),
        [images, images],
        {"images": images},
        [],
        ["a dog", "a cat"],
        pandas.DataFrame({"a": [1.5], "b": [2], "c": [True]}),
        pandas.Series([1.5]),
        loader,
        keras.ops.zeros((2, 3)),
        kc.datasets.ImageDataset(images, 2, 4),
        (batch for batch in [images]),
    ):
        check_is_read("x", data)
