import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_contrastive.datasets import cifar10

pytestmark = pytest.mark.one_backend

ROOT = Path(__file__).parents[3]
DATA_DIR = ROOT / "../shared/data/tfds"

needs_data = pytest.mark.skipif(
    not (DATA_DIR / "cifar10").is_dir(),
    reason="no prepared CIFAR-10 in ../shared/data/tfds",
)


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError("no network in this test")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)


@needs_data
def test_prepared_data_are_read_without_the_network(no_network):
    pytest.importorskip("tensorflow_datasets")
    images, labels = cifar10("test", data_dir=DATA_DIR)
    assert images.shape == (10_000, 32, 32, 3) and images.dtype == np.uint8
    assert labels.shape == (10_000,) and labels.dtype == np.int64
    np.testing.assert_array_equal(np.bincount(labels), 10 * [1000])
    assert 110 < images.mean() < 130

    part, part_labels = cifar10("test[:7]", data_dir=DATA_DIR, download=False)
    np.testing.assert_array_equal(part, images[:7])
    np.testing.assert_array_equal(part_labels, labels[:7])


@needs_data
def test_unknown_split():
    pytest.importorskip("tensorflow_datasets")
    with pytest.raises(ValueError, match="`split` must be.*'validation'"):
        cifar10("validation", data_dir=DATA_DIR)


def test_missing_data_without_download(tmp_path):
    pytest.importorskip("tensorflow_datasets")
    with pytest.raises(FileNotFoundError, match="`download` is False") as info:
        cifar10(data_dir=tmp_path, download=False)
    assert str(tmp_path) in str(info.value)
    assert not list(tmp_path.iterdir())


def test_failed_download(tmp_path, monkeypatch):
    tfds = pytest.importorskip("tensorflow_datasets")

    def fail(self):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", fail)
    with pytest.raises(FileNotFoundError, match="cannot be downloaded") as info:
        cifar10(data_dir=tmp_path)
    assert str(tmp_path) in str(info.value)
    assert isinstance(info.value.__cause__, ConnectionError)


def test_missing_packages_are_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(ImportError, match=r"keras_contrastive\[datasets"):
        cifar10()


@pytest.mark.skipif(
    keras.backend.backend() == "tensorflow",
    reason="TensorFlow is the backend: its GPUs are in use",
)
def test_other_backends_keep_their_gpus(tmp_path):
    pytest.importorskip("tensorflow_datasets")
    tf = pytest.importorskip("tensorflow")
    with pytest.raises(FileNotFoundError):
        cifar10(data_dir=tmp_path, download=False)
    assert tf.config.get_visible_devices("GPU") == []
