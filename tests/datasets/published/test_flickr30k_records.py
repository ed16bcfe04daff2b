import hashlib
import warnings
from pathlib import Path

import pytest

from keras_contrastive.datasets import CaptionedImage
from keras_contrastive.datasets import flickr30k_records
from keras_contrastive.datasets.published.flickr30k_records import split_by_name
from tests.datasets import photographs

pytestmark = pytest.mark.one_backend

ROOT = Path(__file__).parents[3]
REAL_DATA = ROOT / "../shared/data/flickr30k_format"


def write_layout(root, layout, count):
    """Returns the folder of images and the file of captions."""
    if layout == "authors":
        images, captions = root / "flickr30k-images", root
    elif layout == "authors, one folder deeper":
        images = root / "flickr30k" / "flickr30k_images"
        captions = root / "flickr30k"
    else:
        captions = root / "flickr30k_images"
        images = captions / "flickr30k_images"
    photographs.write_photographs(images, count)
    if layout == "kaggle":
        captions = captions / "results.csv"
        photographs.write_csv_file(captions, count)
    else:
        captions = captions / "results_20130124.token"
        photographs.write_token_file(captions, count)
    return images, captions


@pytest.mark.parametrize(
    "layout", ["authors", "authors, one folder deeper", "kaggle"]
)
def test_layouts(tmp_path, layout):
    images, _ = write_layout(tmp_path, layout, 4)
    photographs.write_split_file(
        tmp_path / "dataset_flickr30k.json", ["train", "val", "train", "test"]
    )
    assert flickr30k_records(tmp_path) == [
        CaptionedImage(
            str(images / photographs.name_of(number)),
            photographs.captions_of(number),
            7 * number,
        )
        for number in (0, 2)
    ]
    (val,) = flickr30k_records(str(tmp_path), "val")
    assert val.captions == photographs.captions_of(1)
    (test,) = flickr30k_records(tmp_path, split="test")
    assert test.image_id == 21
    with pytest.raises(ValueError, match="'train': 2, 'val': 1, 'test': 1"):
        flickr30k_records(tmp_path, "validation")


def test_karpathys_file_has_captions_too(tmp_path):
    photographs.write_photographs(tmp_path / "flickr30k_images", 2)
    photographs.write_split_file(
        tmp_path / "dataset_flickr30k.json", ["train", "val"]
    )
    (record,) = flickr30k_records(tmp_path, "val")
    assert record.captions == photographs.captions_of(1)


def test_splits_by_name(tmp_path):
    write_layout(tmp_path, "authors", 20)
    parts = [
        flickr30k_records(tmp_path, split) for split in ("train", "val", "test")
    ]
    assert [len(part) for part in parts] == [16, 2, 2]
    ids = [record.image_id for part in parts for record in part]
    assert sorted(ids) == list(range(20))

    names = [f"{number}.jpg" for number in range(12_000)]
    splits = split_by_name(names)
    # The order of the names doesn't matter.
    assert split_by_name(names[::-1]) == splits
    hashes = {"test": [], "val": [], "train": []}
    for name, split in splits.items():
        hashes[split].append(hashlib.sha256(name.encode()).hexdigest())
    assert len(hashes["test"]) == len(hashes["val"]) == 1000
    assert max(hashes["test"]) < min(hashes["val"])
    assert max(hashes["val"]) < min(hashes["train"])


def test_kaggles_line_without_separator(tmp_path):
    _, captions = write_layout(tmp_path, "kaggle", 3)
    text = captions.read_text()
    assert "100.jpg| 4| caption 4 of 0 ." in text
    captions.write_text(text.replace("100.jpg| 4|", "100.jpg| 4  "))
    records = flickr30k_records(tmp_path)
    assert records[0].captions == photographs.captions_of(0)


@pytest.mark.parametrize("layout", ["authors", "kaggle"])
def test_faults_are_counted_named_once_and_left_out(tmp_path, layout):
    images, captions = write_layout(tmp_path, layout, 8)
    (images / photographs.name_of(3)).unlink()
    captions.write_text(captions.read_text() + "what is this\n")
    with pytest.warns(UserWarning) as record:
        records = flickr30k_records(tmp_path, max_bad_fraction=0.2)
    assert len(records) == 7 and 3 not in [each.image_id for each in records]
    messages = [str(warning.message) for warning in record]
    assert len(messages) == 2
    assert "1 of" in messages[0] and "what is this" in messages[0]
    assert "1 of 8" in messages[1] and "103.jpg" in messages[1]
    assert record[0].filename == record[1].filename == __file__

    with pytest.raises(ValueError, match=r"103\.jpg(.|\n)*max_bad_fraction"):
        flickr30k_records(tmp_path, max_bad_fraction=0.05)


def test_image_without_captions(tmp_path):
    images, _ = write_layout(tmp_path, "authors", 4)
    photographs.write_split_file(
        tmp_path / "dataset_flickr30k.json", 5 * ["train"]
    )
    photographs.write_photograph(images / photographs.name_of(4), 4)
    with pytest.warns(UserWarning, match=r"104\.jpg: no caption"):
        records = flickr30k_records(tmp_path, max_bad_fraction=0.5)
    assert len(records) == 4


def test_missing_files_are_listed(tmp_path):
    with pytest.raises(FileNotFoundError) as info:
        flickr30k_records(tmp_path / "nowhere")
    for name in ("flickr30k-images", "results.csv", "nowhere", "https://"):
        assert name in str(info.value)

    photographs.write_photographs(tmp_path / "flickr30k_images", 1)
    with pytest.raises(FileNotFoundError) as info:
        flickr30k_records(tmp_path)
    message = str(info.value).partition("\n")[0]
    assert "no results_20130124.token" in message
    assert "flickr30k_images/*.jpg" not in message


def test_other_file_of_splits(tmp_path):
    write_layout(tmp_path, "authors", 2)
    (tmp_path / "dataset_flickr30k.json").write_text('{"images": [{}]}')
    with pytest.raises(ValueError, match="is not Karpathy's file"):
        flickr30k_records(tmp_path)


def test_max_bad_fraction_is_checked(tmp_path):
    with pytest.raises(ValueError, match="`max_bad_fraction` must"):
        flickr30k_records(tmp_path, max_bad_fraction=1.5)


@pytest.mark.skipif(
    not REAL_DATA.is_dir(), reason="no ../shared/data/flickr30k_format"
)
def test_real_files():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train = flickr30k_records(REAL_DATA)
        val = flickr30k_records(REAL_DATA, "val")
    assert (len(train), len(val)) == (6000, 1000)
    assert {len(record.captions) for record in train + val} == {5}
    assert len({record.image_id for record in train + val}) == 7000
    assert train[0].captions[1] == "A girl going into a wooden building ."
