import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest

from keras_contrastive.datasets import ImageTextDataset
from keras_contrastive.datasets import flickr30k
from keras_contrastive.datasets import image_records
from keras_contrastive.datasets import load_image_text
from tests.datasets import photographs

tfds = pytest.importorskip("tensorflow_datasets")

pytestmark = pytest.mark.one_backend


@pytest.fixture(scope="module")
def manual_dir(tmp_path_factory):
    root = tmp_path_factory.mktemp("flickr30k")
    photographs.write_photographs(root / "flickr30k_images", 6)
    photographs.write_token_file(root / "results_20130124.token", 6)
    photographs.write_split_file(
        root / "dataset_flickr30k.json", [*4 * ["train"], "val", "test"]
    )
    return root


def tokenizer(captions):
    return np.array([[len(caption)] for caption in captions])


def test_array_record(manual_dir, tmp_path):
    builder = flickr30k(manual_dir, tmp_path, file_format="array_record")
    assert builder.name == "flickr30k" and not builder.is_prepared()
    builder.download_and_prepare()
    sizes = {
        name: info.num_examples for name, info in builder.info.splits.items()
    }
    assert sizes == {"train": 4, "val": 1, "test": 1}

    for decoders in (None, {"image": tfds.decode.SkipDecoding()}):
        source = builder.as_data_source("train", decoders=decoders)
        dataset = ImageTextDataset(source, tokenizer, 4, 8, max_queue_size=0)
        batch = dataset[0]
        numbers = [photographs.number_of(image) for image in batch["images"]]
        assert sorted(numbers) == [0, 1, 2, 3]
        assert batch["image_ids"].tolist() == [7 * each for each in numbers]
        records = image_records(source, captions="captions", label="filename")
        loaded = load_image_text(records, 8)
        numbers = [photographs.number_of(image) for image in loaded.images]
        assert [tuple(texts) for texts in records.captions] == [
            photographs.captions_of(each) for each in numbers
        ]
        assert [records.class_names[label] for label in records.labels] == [
            photographs.name_of(each) for each in numbers
        ]
    (example,) = builder.as_data_source("val")
    assert example["image"].shape == (24, 20, 3)
    captions = [caption.decode() for caption in example["captions"]]
    assert tuple(captions) == photographs.captions_of(4)
    assert example["filename"].decode() == photographs.name_of(4)

    # Once prepared, it does not need the original files.
    assert flickr30k(None, tmp_path, file_format="array_record").is_prepared()


def test_tfrecord(manual_dir, tmp_path):
    pytest.importorskip("tensorflow")
    flickr30k(manual_dir, tmp_path).download_and_prepare()
    dataset = flickr30k(data_dir=tmp_path).as_dataset("test")
    (example,) = dataset.as_numpy_iterator()
    assert photographs.number_of(example["image"]) == 5
    assert example["image_id"] == 35 and len(example["captions"]) == 5


@pytest.mark.skipif(
    keras.backend.backend() != "jax",
    reason="depends on the backend only in that it can't be TensorFlow",
)
def test_prepares_and_reads_without_tensorflow(manual_dir, tmp_path):
    code = f"""
        import sys
        from importlib.machinery import PathFinder

        class NoTensorFlow(PathFinder):
            @classmethod
            def find_spec(cls, name, path=None, target=None):
                if name.split(".")[0] != "tensorflow":
                    return super().find_spec(name, path, target)

        sys.meta_path = [
            NoTensorFlow if finder is PathFinder else finder
            for finder in sys.meta_path
        ]
        import keras_contrastive as kc

        builder = kc.datasets.flickr30k(
            {str(manual_dir)!r}, {str(tmp_path)!r}, "array_record"
        )
        builder.download_and_prepare()
        assert len(builder.as_data_source("train")[0]["captions"]) == 5
        assert "tensorflow" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)


def test_damaged_images_are_left_out(tmp_path):
    root = tmp_path / "manual"
    photographs.write_photographs(root / "flickr30k_images", 4)
    photographs.write_token_file(root / "results_20130124.token", 4)
    photographs.truncate(root / "flickr30k_images" / photographs.name_of(2))
    builder = flickr30k(root, tmp_path, "array_record", max_bad_fraction=0.3)
    with pytest.warns(UserWarning, match=r"1 of 4 images(.|\n)*102\.jpg"):
        builder.download_and_prepare()
    assert builder.info.splits["train"].num_examples == 3


def test_missing_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="results_20130124.token"):
        flickr30k(tmp_path / "nowhere", tmp_path)
    with pytest.raises(FileNotFoundError, match="`manual_dir` is not given"):
        flickr30k(data_dir=tmp_path)


def test_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(ImportError, match=r"keras_contrastive\[datasets"):
        flickr30k()
