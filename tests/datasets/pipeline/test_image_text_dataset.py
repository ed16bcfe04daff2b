import io
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from keras_contrastive.datasets import CaptionedImage
from keras_contrastive.datasets import ImageTextDataset
from keras_contrastive.datasets import flickr30k_records
from tests.datasets import photographs

ROOT = Path(__file__).parents[3]
REAL_DATA = ROOT / "../shared/data/flickr30k_format"
COUNT = 11


@pytest.fixture
def records(tmp_path):
    """Image i has color i and the captions "i 0" ... "i 4"."""
    photographs.write_photographs(tmp_path, COUNT)
    return [
        CaptionedImage(
            tmp_path / photographs.name_of(number),
            tuple(f"{number} {k}" for k in range(5)),
            100 + number,
        )
        for number in range(COUNT)
    ]


def tokenizer(captions):
    return [[int(word) for word in caption.split()] for caption in captions]


def make(records, batch_size=4, image_size=8, **arguments):
    return ImageTextDataset(
        records, tokenizer, batch_size, image_size, **arguments
    )


def numbers_of(batch):
    """The numbers of the images, which captions and ids must agree with."""
    numbers = [photographs.number_of(image) for image in batch["images"]]
    assert batch["texts"][:, 0].tolist() == numbers
    assert batch["image_ids"].tolist() == [100 + number for number in numbers]
    return numbers


def draws_of(dataset):
    """(image, caption) for each position of an epoch."""
    draws = []
    for batch in dataset:
        numbers_of(batch)
        draws += map(tuple, batch["texts"].tolist())
    return draws


def test_batches(records):
    dataset = make(records, image_size=(8, 10))
    assert len(dataset) == 2
    batch = dataset[1]
    assert batch["images"].shape == (4, 8, 10, 3)
    assert batch["images"].dtype == np.uint8
    assert batch["texts"].shape == (4, 2)
    assert batch["texts"].dtype == batch["image_ids"].dtype == np.int32
    with pytest.raises(IndexError):
        dataset[2]


def test_every_image_comes_once_with_one_of_its_captions(records):
    dataset = make(records, drop_remainder=False)
    assert [len(batch["images"]) for batch in dataset] == [4, 4, 3]
    seen = {}
    for epoch in range(40):
        dataset.epoch = epoch
        draws = draws_of(dataset)
        assert sorted(number for number, _ in draws) == list(range(COUNT))
        for number, k in draws:
            seen.setdefault(number, []).append(k)
    # Among 440 captions, each of the five should occur about 88 times.
    counts = np.bincount(np.concatenate(list(seen.values())))
    assert counts.min() > 55 and counts.max() < 125
    assert all(set(each) == set(range(5)) for each in seen.values())


def test_draws_depend_only_on_seed_and_epoch(records):
    first = make(records)
    epochs = []
    for first.epoch in range(3):
        epochs.append(draws_of(first))
    assert epochs[0] != epochs[1] != epochs[2]

    again = make(records, workers=1, max_queue_size=0, cache=True)
    for again.epoch in (2, 0):
        assert draws_of(again) == epochs[again.epoch]
    assert draws_of(make(records, seed=1)) != epochs[0]


def test_several_captions_of_each_image(records):
    dataset = make(records, num_captions=3, drop_remainder=False)
    orders = set()
    for dataset.epoch in range(3):
        for batch in dataset:
            numbers = [
                photographs.number_of(image) for image in batch["images"]
            ]
            assert batch["texts"].shape == (len(numbers), 3, 2)
            for number, texts in zip(numbers, batch["texts"], strict=True):
                assert texts[:, 0].tolist() == 3 * [number]
                assert len(set(texts[:, 1])) == 3
                orders.add(tuple(texts[:, 1]))
    assert len(orders) > 15  # 33 draws of 60 orders

    first = make(records, num_captions=7, caption="first")[0]
    assert first["texts"][0, :, 1].tolist() == [0, 1, 2, 3, 4, 0, 1]


def test_negative_captions(records):
    def wrong(caption):
        number, k = caption.split()
        return [f"{number} {k}0", f"{k} {number}"]

    batch = make(records, negative_captions=wrong)[0]
    assert batch["negative_texts"].shape == (4, 2, 2)
    for (number, k), negatives in zip(
        batch["texts"].tolist(), batch["negative_texts"].tolist(), strict=True
    ):
        assert negatives == [[number, 10 * k], [k, number]]
    batch = make(records, negative_captions=wrong, num_captions=3)[0]
    assert batch["negative_texts"].shape == (4, 6, 2)
    np.testing.assert_array_equal(
        batch["negative_texts"][:, ::2, 1], 10 * batch["texts"][:, :, 1]
    )


@pytest.mark.parametrize(
    "wrong, message",
    [
        (lambda caption: caption, r"must return a list.*'(\d \d)' for '\1'"),
        (lambda caption: ["1 1"] * (1 + (caption > "1")), "after [12] before"),
        ("1 1", "must be callable.*'1 1'"),
    ],
)
def test_bad_negative_captions(records, wrong, message):
    with pytest.raises(ValueError, match=message):
        dataset = make(
            records, negative_captions=wrong, shuffle=False, caption="first"
        )
        dataset[0]


def test_without_randomness(records):
    dataset = make(records, shuffle=False, caption="first")
    for dataset.epoch in range(2):
        assert draws_of(dataset) == [(number, 0) for number in range(8)]


def test_forms_of_records(records, tmp_path):
    pixels = np.full((20, 30, 3), 40, "uint8")
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "png")
    Image.fromarray(pixels).convert("CMYK").save(tmp_path / "cmyk.jpg")
    Image.fromarray(pixels).convert("L").convert("P").save(
        tmp_path / "palette.png"
    )
    Image.fromarray(pixels[..., 0]).save(tmp_path / "gray.jpg")
    upright = np.full((40, 20, 3), 40, "uint8")
    upright[20:] = 200
    exif = Image.Exif()
    exif[0x0112] = 8  # to be turned by a quarter
    turned = Image.fromarray(upright).transpose(Image.Transpose.ROTATE_270)
    turned.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    images = [
        str(records[4].image),
        encoded.getvalue(),
        pixels,
        pixels[..., :1],
        tmp_path / "cmyk.jpg",
        tmp_path / "palette.png",
        tmp_path / "gray.jpg",
        tmp_path / "turned.jpg",
    ]
    dataset = ImageTextDataset(
        [
            {"image": image, "captions": np.array([b"4 1"], object)}
            for image in images
        ],
        tokenizer,
        len(images),
        (10, 5),
        shuffle=False,
    )
    batch = dataset[0]
    assert batch["image_ids"].tolist() == list(range(8))
    assert batch["texts"].tolist() == 8 * [[4, 1]]
    np.testing.assert_allclose(batch["images"][:7], 40, atol=2)
    np.testing.assert_allclose(batch["images"][7, :4], 40, atol=4)
    np.testing.assert_allclose(batch["images"][7, 6:], 200, atol=4)


def test_cached_images_are_read_once(records):
    dataset = make(records, cache=True, drop_remainder=False, max_queue_size=0)
    first = draws_of(dataset)
    for record in records:
        record.image.unlink()
    assert draws_of(dataset) == first
    dataset.epoch = 1
    assert sorted(number for number, _ in draws_of(dataset)) == list(range(11))


def test_unreadable_images_are_replaced_and_named_once(records):
    photographs.truncate(records[2].image)
    records[7].image.unlink()
    arguments = {"max_bad_fraction": 0.2, "drop_remainder": False}
    dataset = make(records, **arguments)
    with pytest.warns(UserWarning, match="2 of 11 images") as record:
        draws = draws_of(dataset)
    assert len(record) == 1
    for index in (2, 7):
        assert str(records[index].image) in str(record[0].message)
    numbers = [number for number, _ in draws]
    assert len(numbers) == COUNT
    assert set(numbers) == set(range(COUNT)) - {2, 7}

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert draws_of(dataset) == draws
    with pytest.warns(UserWarning):
        assert draws_of(make(records, workers=1, **arguments)) == draws

    with pytest.raises(ValueError, match=r"(.|\n)*max_bad_fraction"):
        list(make(records, max_bad_fraction=0.1))


def test_tokenizers(records):
    def words(captions):
        return {
            "token_ids": keras.ops.convert_to_tensor(tokenizer(captions)),
            "mask": np.ones((len(captions), 2), bool),
        }

    texts = ImageTextDataset(records, words, 4, 8)[0]["texts"]
    assert texts["token_ids"].shape == texts["mask"].shape == (4, 2)
    assert texts["token_ids"].dtype == np.int32
    assert isinstance(texts["token_ids"], np.ndarray)

    lengths = iter([3, 4])
    wrong = [
        (lambda captions: captions, "return an array of integers"),
        (lambda captions: [[1], *[[1, 2]] * 3], "array of integers"),
        (lambda captions: np.full((4, 5), 2**31), "of 32 bits"),
        (lambda captions: np.ones((3, 5), int), "one row for each of 4"),
        (lambda captions: np.ones((4, next(lengths)), int), "same length"),
    ]
    for function, message in wrong:
        with pytest.raises(ValueError, match=f"`tokenizer` must.*{message}"):
            list(ImageTextDataset(records, function, 4, 8, max_queue_size=0))


@pytest.mark.parametrize(
    "name, value",
    [
        ("records", iter([])),
        ("records", []),
        ("records", [{"image": "a.jpg"}] * 4),
        ("records", [{"image": "a.jpg", "captions": []}] * 4),
        ("image_id", [{"image": "", "captions": "a", "image_id": 2**31}] * 4),
        ("tokenizer", None),
        ("batch_size", 0),
        ("image_size", (8, -1)),
        ("seed", -1),
        ("caption", "all"),
        ("num_captions", 0),
        ("workers", 0),
        ("max_queue_size", -1),
        ("max_bad_fraction", 1),
    ],
)
def test_invalid_arguments(records, name, value):
    arguments = {
        "records": records,
        "tokenizer": tokenizer,
        "batch_size": 4,
        "image_size": 8,
        ("records" if name == "image_id" else name): value,
    }
    with pytest.raises(ValueError, match=f"(`{name}`|record).*Received"):
        ImageTextDataset(**arguments)


@pytest.mark.skipif(
    not REAL_DATA.is_dir(), reason="no ../shared/data/flickr30k_format"
)
def test_real_photographs():
    records = flickr30k_records(REAL_DATA, "val")[:200]

    def lengths(captions):
        return np.array([[len(caption)] for caption in captions])

    dataset = ImageTextDataset(records, lengths, 50, 48)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        batches = list(dataset)
    ids = np.concatenate([batch["image_ids"] for batch in batches])
    assert sorted(ids) == sorted(record.image_id for record in records)
    captions = {record.image_id: record.captions for record in records}
    for batch in batches:
        assert batch["images"].std() > 40
        for image_id, (length,) in zip(
            batch["image_ids"], batch["texts"], strict=True
        ):
            assert length in [len(each) for each in captions[image_id]]
