import keras
import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.cli import embedding
from keras_contrastive.cli.channels import Channels
from keras_contrastive.cli.embedding import embed_records
from keras_contrastive.cli.images import name_of

pytestmark = pytest.mark.one_backend


@pytest.fixture
def paths(tmp_path):
    """Image files. The first two and another one are damaged."""
    pytest.importorskip("PIL", reason="needs Pillow")
    images = kc.datasets.shapes(7, image_size=16).images
    paths = [tmp_path / f"{i}.png" for i in range(7)]
    for i, path in enumerate(paths):
        keras.utils.save_img(path, images[i], scale=False)
        if i in (0, 1, 4):
            path.write_bytes(b"damaged")
    return paths


class Sums:
    """A model whose embedding is the sum of each channel."""

    def predict(self, images, batch_size, verbose):
        print("progress" * verbose, end="")
        return images.sum(axis=(1, 2)).astype("float32")


@pytest.mark.filterwarnings("ignore")
def test_chunks_do_not_change_the_result(paths, monkeypatch, capsys):
    whole = embed_records(Sums(), paths, 16, Channels())
    assert capsys.readouterr().out == ""  # no progress bar in a pipe
    assert whole.places.tolist() == [2, 3, 5, 6]
    assert [name.split("/")[-1] for name in whole.names] == [
        f"{i}.png" for i in (2, 3, 5, 6)
    ]
    monkeypatch.setattr(embedding, "CHUNK", 2)
    parts = embed_records(Sums(), paths, 16, Channels())
    np.testing.assert_array_equal(parts.rows, whole.rows)
    assert parts.places.tolist() == whole.places.tolist()
    assert parts.names == whole.names
    assert "7 of 7 images" in capsys.readouterr().out
    with pytest.raises(ValueError):
        embed_records(Sums(), paths[:2], 16, Channels())


@pytest.mark.parametrize("size, batch", [(64, 128), (150, 71), (224, 32)])
def test_large_images_come_in_small_batches(size, batch):
    class Model:
        def predict(self, images, batch_size, verbose):
            return batch_size

    images = np.zeros((2, size, size, 3), "uint8")
    assert embedding.embed_images(Model(), images) == batch


def test_names_of_images():
    assert name_of({"path": "a.jpg", "bytes": b""}) == name_of("a.jpg")
    for image in (np.zeros((2, 2)), {"bytes": b"", "path": None}, "", None):
        assert name_of(image) is None
