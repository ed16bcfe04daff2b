"""Data sets of images that are not 8-bit RGB."""

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests.fuzz.readers import dicom
from tests.fuzz.readers import npy
from tests.fuzz.readers import npz
from tests.fuzz.readers import tiff

pytest.importorskip("PIL")

COUNT, BANDS, SIZE = 8, 5, 12
IMAGES = np.random.default_rng(0).integers(
    0, 11_000, (COUNT, SIZE, SIZE, BANDS), "uint16"
)
SCALED = np.clip(IMAGES / 10_000, 0, 1)


@pytest.fixture
def folder(tmp_path):
    pytest.importorskip("tifffile")
    for index, image in enumerate(IMAGES):
        write = (
            lambda x: tiff(x, photometric="minisblack", planarconfig="contig"),
            npy,
            npz,
        )[index % 3]
        suffix = (".tif", ".npy", ".npz")[index % 3]
        (tmp_path / f"{index}{suffix}").write_bytes(write(image))
    return tmp_path


@pytest.mark.one_backend
def test_a_folder(folder):
    arguments = {"channels": BANDS, "value_range": (0, 10_000)}
    for cache in (False, True):
        dataset = kc.datasets.ImageDataset(
            folder, 4, SIZE, shuffle=False, cache=cache, **arguments
        )
        for _ in range(2):
            images = np.concatenate(list(dataset))
            assert images.dtype == np.float32
            np.testing.assert_allclose(images, SCALED, atol=1e-6)
    some = kc.datasets.ImageDataset(
        folder, 8, SIZE, shuffle=False, channels=(3, 0), value_range=(0, 10_000)
    )[0]
    np.testing.assert_allclose(some, SCALED[..., [3, 0]], atol=1e-6)


@pytest.mark.one_backend
def test_what_a_folder_holds(folder):
    pytest.importorskip("pydicom")
    (folder / "scan.dcm").write_bytes(dicom(IMAGES[0, ..., 0]))
    assert len(kc.datasets.image_folder(folder, arrays=True).paths) == COUNT + 1
    # Without `channels`, images become RGB.
    with pytest.warns(UserWarning, match=r"1 \.dcm \(read with `channels`"):
        found = kc.datasets.image_folder(folder)
    assert {path.suffix for path in found.paths} == {".tif"}
    (folder / "0.txt").write_text("a forest")
    (folder / "1.txt").write_text("a lake")
    with pytest.warns(UserWarning, match="7 of 9 images have no caption"):
        records = kc.datasets.captioned_folder(folder, arrays=True)
    assert [record.image.name for record in records] == ["0.tif", "1.npy"]
    (folder / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"\.npy, \.npz, \.dcm"):
        kc.datasets.image_folder(folder / "empty", arrays=True)


@pytest.mark.one_backend
def test_images_with_texts():
    records = [
        {"image": image, "captions": [f"image {index}"]}
        for index, image in enumerate(IMAGES)
    ]
    arguments = {"channels": BANDS, "value_range": (0, 10_000)}
    arrays = kc.datasets.load_image_text(records, SIZE, **arguments)
    assert arrays.images.dtype == np.float32
    np.testing.assert_allclose(arrays.images, SCALED, atol=1e-6)
    dataset = kc.datasets.ImageTextDataset(
        records,
        lambda captions: np.ones((len(captions), 2)),
        4,
        SIZE,
        shuffle=False,
        **arguments,
    )
    np.testing.assert_array_equal(dataset[1]["images"], arrays.images[4:])


@pytest.mark.one_backend
def test_bytes_stay_bytes():
    images = (IMAGES // 256).astype("uint8")
    dataset = kc.datasets.ImageDataset(
        images, 8, SIZE, shuffle=False, channels=BANDS
    )
    assert dataset[0].dtype == np.uint8
    np.testing.assert_array_equal(dataset[0], images)


@pytest.mark.one_backend
def test_bad_images():
    images = [*IMAGES.astype("float32")]
    images[2] = images[2] * np.nan
    images[5] = images[5][..., :3]
    dataset = kc.datasets.ImageDataset(
        images,
        8,
        SIZE,
        channels=BANDS,
        value_range=(0, 10_000),
        max_bad_fraction=0.3,
    )
    with pytest.warns(UserWarning, match="2 of 8") as record:
        (batch,) = dataset
    assert np.isfinite(batch).all()
    message = str(record[0].message)
    assert "images[2]: 720 of 720 values are NaN" in message
    assert "images[5]: An image must have 5 channels" in message


@pytest.mark.one_backend
@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"channels": BANDS}, "uint16 need `value_range`.*channel_statistics"),
        ({"channels": 3, "value_range": (0, 1)}, "must have 3 channels"),
        ({"channels": 0}, "`channels` must be a positive integer"),
        ({"channels": 2, "value_range": (1, 1)}, "`value_range` must be a"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        kc.datasets.ImageDataset(IMAGES, 4, SIZE, **arguments)


@pytest.mark.filterwarnings("ignore:Saturation, hue and grayscale")
def test_fit_and_predict(folder):
    arguments = {"channels": BANDS, "value_range": (0, 10_000)}
    model = kc.SimCLRModel(
        kc.models.ConvNet(4, 2, (SIZE, SIZE, BANDS)),
        kc.layers.ProjectionHead(8, 4),
    )
    model.compile()
    dataset = kc.datasets.ImageDataset(folder, 4, SIZE, **arguments)
    history = model.fit(dataset, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    in_order = kc.datasets.ImageDataset(
        folder, 4, SIZE, shuffle=False, **arguments
    )
    np.testing.assert_allclose(
        model.predict(in_order, verbose=0),
        model.predict(SCALED.astype("float32"), verbose=0),
        rtol=1e-4,
        atol=1e-5,
    )
    assert keras.backend.is_float_dtype(dataset[0].dtype.name)
