import warnings
from pathlib import Path

import numpy as np
import pytest

from keras_contrastive.datasets import CaptionedImage
from keras_contrastive.datasets import ImageTextDataset
from keras_contrastive.datasets import flickr30k_records
from keras_contrastive.datasets import load_image_text
from tests.datasets import photographs

pytestmark = pytest.mark.one_backend

ROOT = Path(__file__).parents[3]
REAL_DATA = ROOT / "../shared/data/flickr30k_format"


@pytest.fixture
def records(tmp_path):
    photographs.write_photographs(tmp_path, 5)
    return [
        CaptionedImage(
            tmp_path / photographs.name_of(number),
            photographs.captions_of(number)[: number + 1],
            number,
        )
        for number in range(5)
    ]


def test_arrays(records):
    images, captions, image_index = load_image_text(records, (8, 12))
    assert images.shape == (5, 8, 12, 3) and images.dtype == np.uint8
    assert [photographs.number_of(image) for image in images] == [0, 1, 2, 3, 4]
    assert image_index.tolist() == [0, 1, 1, 2, 2, 2, 3, 3, 3, 3, *5 * [4]]
    assert captions[:3] == [
        *photographs.captions_of(0)[:1],
        *photographs.captions_of(1)[:2],
    ]
    for caption, index in zip(captions, image_index, strict=True):
        assert caption in records[index].captions


def test_unreadable_images_are_left_out_with_their_captions(records):
    photographs.truncate(records[1].image)
    records[3].image.unlink()
    with pytest.warns(UserWarning, match="2 of 5") as record:
        images, captions, image_index = load_image_text(
            records, 8, max_bad_fraction=0.4
        )
    assert len(record) == 1 and record[0].filename == __file__
    for index in (1, 3):
        assert str(records[index].image) in str(record[0].message)
    assert [photographs.number_of(image) for image in images] == [0, 2, 4]
    assert image_index.tolist() == [0, 1, 1, 1, *5 * [2]]
    assert captions[1] == "caption 0 of 2 ."

    with pytest.raises(ValueError, match="max_bad_fraction"):
        load_image_text(records, 8, max_bad_fraction=0.3)


class Table:
    """A pandas DataFrame, which is indexed by column names."""

    iloc = None
    columns = ("image", "captions")

    def __init__(self, rows):
        self.rows = rows

    def __getitem__(self, name):
        raise KeyError(name)

    def to_dict(self, orient):
        assert orient == "records"
        return self.rows


def test_tables(records):
    rows = [
        {"image": str(each.image), "captions": each.captions}
        for each in records
    ]
    columns = {
        "image": [row["image"] for row in rows],
        "captions": [row["captions"] for row in rows],
    }
    expected = load_image_text(records, 8)
    for table in (Table(rows), columns):
        images, captions, _ = load_image_text(table, 8)
        np.testing.assert_array_equal(images, expected.images)
        assert captions == expected.captions
        dataset = ImageTextDataset(table, lambda c: [[1]] * len(c), 5, 8)
        assert sorted(dataset[0]["image_ids"]) == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match=r"needs \['image', 'captions'\]"):
        load_image_text({"train": records}, 8)
    other = Table([{"image": row["image"], "text": "a"} for row in rows])
    for read in (
        lambda: load_image_text(other, 8),
        lambda: ImageTextDataset(other, len, 5, 8),
    ):
        with pytest.raises(ValueError, match=r"with \['image', 'text'\]"):
            read()


def test_invalid_arguments(records):
    with pytest.raises(ValueError, match="`records` must hold at least one"):
        load_image_text([], 8)
    for wrong in (None, iter(records), "records", 7):
        with pytest.raises(ValueError, match="`records` must be a sequence"):
            load_image_text(wrong, 8)
    for wrong in (None, "1%", float("nan"), -1):
        with pytest.raises(ValueError, match="`max_bad_fraction` must"):
            load_image_text(records, 8, max_bad_fraction=wrong)
    with pytest.raises(ValueError, match="`image_size` must"):
        load_image_text(records, 0)
    with pytest.raises(ValueError, match=r"records\[1\]={'image': 'a.jpg'}"):
        load_image_text([records[0], {"image": "a.jpg"}], 8)


@pytest.mark.skipif(
    not REAL_DATA.is_dir(), reason="no ../shared/data/flickr30k_format"
)
def test_real_photographs(capsys):
    records = flickr30k_records(REAL_DATA, "val")[:501]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        images, captions, image_index = load_image_text(records, 32)
    assert "501/501" in capsys.readouterr().out
    np.testing.assert_array_equal(image_index, np.repeat(np.arange(501), 5))
    assert 80 < images.mean() < 140 and images.std() > 40
    assert len(np.unique(images.reshape(501, -1), axis=0)) == 501
    assert len(captions) == 5 * 501
