import keras
import numpy as np
import pytest

pytest.importorskip("webdataset")
Image = pytest.importorskip("PIL.Image")

import keras_contrastive as kc  # noqa: E402
from keras_contrastive.datasets import image_shards  # noqa: E402
from tests.datasets.shards.test_image_text_shards import encode  # noqa: E402
from tests.datasets.shards.test_image_text_shards import write_shard  # noqa: E402


@pytest.fixture
def folder(tmp_path):
    """Twelve grays in two archives, with other files beside them."""
    for shard in range(2):
        files = {
            f"{n:02}": {
                "png": encode(n, size=(8, 8)),
                "json": b"not read",
                "Mask.PNG": encode(100 + n),
                "npy": b"",
            }
            for n in range(6 * shard, 6 * shard + 6)
        }
        write_shard(tmp_path / f"{shard}.tar", files)
    return tmp_path


def grays(batches):
    return np.concatenate([batch[:, 0, 0, 0] for batch in batches]).tolist()


@pytest.mark.one_backend
def test_images_without_captions(folder):
    shards = image_shards(folder, 6, 4, num_examples=12, shuffle_buffer=0)
    assert [batch.dtype for batch in shards] == ["uint8"] * 2
    assert grays(shards) == list(range(12))
    hosts = [
        image_shards(folder, 3, 4, num_examples=12, num_hosts=2, host_index=i)
        for i in (0, 1)
    ]
    epochs = [grays(host) for host in hosts]
    assert sorted(sum(epochs, [])) == list(range(12))
    assert not set(epochs[0]) & set(epochs[1])


@pytest.mark.one_backend
def test_shards_without_images(folder):
    """Such as the pointers that Git LFS leaves instead of the files."""
    for shard in range(2):
        (folder / f"{shard}.tar").write_text("version https://git-lfs...\n")
    with pytest.raises(ValueError, match=r"no images in '.*0.tar' \(truncated"):
        image_shards(folder, 4, 4)
    write_shard(folder / "0.tar", {"a": {"txt": b"a text"}})
    with pytest.raises(ValueError, match="no images in '.*0.tar'$"):
        image_shards(folder, 4, 4)


@pytest.mark.one_backend
def test_a_suffix(folder):
    shards = image_shards(folder, 6, 4, image_key="mask.png", shuffle_buffer=0)
    assert len(shards) == 2
    assert grays(shards) == list(range(100, 112))
    shards = image_shards(folder, 6, 4, image_key="webp", num_examples=12)
    with pytest.raises(ValueError, match="no image .[.]webp"):
        shards[0]


@pytest.mark.one_backend
def test_channels(tmp_path):
    pixels = np.full((6, 6), 500, "uint16")
    Image.fromarray(pixels).save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    write_shard(tmp_path / "0.tar", {"a": {"png": content}})
    shards = image_shards(
        tmp_path, 1, 4, channels=1, value_range=(0, 1000), shuffle_buffer=0
    )
    assert shards[0].shape == (1, 4, 4, 1) and shards[0].dtype == "float32"
    np.testing.assert_allclose(shards[0], 0.5)


def test_fit(folder):
    shards = image_shards(folder, 4, 8, num_examples=12)
    model = kc.SimCLRModel(kc.models.ConvNet(4, input_shape=(8, 8, 3)))
    model.compile(keras.optimizers.SGD(0.01))
    history = model.fit(shards, epochs=2, shuffle=False, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert shards.epoch == 1
