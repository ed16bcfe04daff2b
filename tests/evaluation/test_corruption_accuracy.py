import keras
import numpy as np
import pytest

from keras_contrastive.evaluation import corruption_accuracy
from keras_contrastive.evaluation.corruption_accuracy import CORRUPTIONS
from keras_contrastive.evaluation.corruption_accuracy import SEVERITIES

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (6, 16, 12, 3), "uint8")


def corrupted(images, **kwargs):
    """The images that the classifier receives, clean ones first."""
    seen = []

    def classify(batch):
        seen.append(batch)
        return np.zeros(len(batch), int)

    scores = corruption_accuracy(
        classify, images, np.zeros(len(images), int), **kwargs
    )
    assert scores.clean == scores.mean == 1.0
    return seen


@pytest.mark.one_case
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_images_get_worse_and_keep_dtype_and_range(name):
    clean, *worse = corrupted(PIXELS, corruptions=[name])
    np.testing.assert_array_equal(clean, PIXELS)
    distances = []
    for images in worse:
        assert images.dtype == "uint8" and images.shape == PIXELS.shape
        distances.append(np.abs(images - PIXELS.astype(float)).mean())
    assert len(distances) == len(SEVERITIES)
    assert 0 < distances[0] and np.all(np.diff(distances) > 0)


@pytest.mark.one_case
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_floats_are_corrupted_as_integers(name):
    floats = (PIXELS / np.float32(255)).astype("float32")
    options = {"corruptions": [name], "severities": [3]}
    _, integers = corrupted(PIXELS, **options)
    _, images = corrupted(floats, **options)
    assert images.dtype == "float32" and 0 <= images.min()
    np.testing.assert_allclose(255 * images, integers, atol=0.51)


@pytest.mark.one_backend
def test_values_by_hand():
    flat = np.full((1, 10, 10, 3), 200, "uint8")
    _, dark = corrupted(flat, corruptions=["dark"], severities=[5])
    assert np.all(dark == 40)
    _, gray = corrupted(PIXELS, corruptions=["gray"], severities=[5])
    assert np.all(gray == gray[..., :1])
    _, pixels = corrupted(
        RNG.integers(0, 256, (1, 10, 10, 3), "uint8"),
        corruptions=["pixels"],
        severities=[5],
    )
    assert len(np.unique(pixels[0, :, :, 0])) <= 4  # 2 x 2 squares


def test_the_same_images_for_every_classifier_and_any_channels():
    five = RNG.random((4, 8, 8, 5)).astype("float32")
    runs = [corrupted(five, severities=[2], batch_size=size) for size in (4, 4)]
    assert len(runs[0]) == 1 + len(CORRUPTIONS) - 1  # no gray
    for first, second in zip(*runs, strict=True):
        np.testing.assert_array_equal(first, second)


def test_takes_arrays_tensors_and_generators():
    images = keras.Variable(PIXELS / np.float32(255)).value  # has a gradient
    scores = corruption_accuracy(
        lambda x: [1] * len(x),
        images,
        np.ones(6, int),
        corruptions=(name for name in ["dark"]),
        severities=np.array([1, 2]),
    )
    assert scores.accuracy == {"dark": {1: 1.0, 2: 1.0}}


@pytest.mark.one_backend
def test_accuracies_are_counted(capsys):
    labels = np.array(["a", "b", "a", "b", "a", "b"])
    bright = np.where(labels == "a", 250, 100).astype("uint8")
    images = np.broadcast_to(bright[:, None, None, None], (6, 8, 8, 3)).copy()
    scores = corruption_accuracy(
        lambda x: np.where(x.mean((1, 2, 3)) > 150, "a", "b"),
        images,
        labels,
        corruptions=["dark", "blur"],
        severities=[1, 5],
        batch_size=4,
        verbose=1,
    )
    assert scores.clean == 1.0
    assert scores.accuracy == {"dark": {1: 1.0, 5: 0.5}, "blur": {1: 1.0, 5: 1}}
    assert scores.mean == 0.875
    assert "5/5" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": PIXELS[0]}, "`images` must have the shape"),
        ({"images": PIXELS[..., :0]}, "`images` must have the shape"),
        ({"images": PIXELS.astype("int32")}, "`images` must be uint8"),
        ({"images": PIXELS.astype("float32")}, "`images` must be uint8"),
        ({"labels": [1]}, "`labels`"),
        ({"corruptions": ["fog"]}, "`corruptions` must be.*'fog'"),
        ({"corruptions": "noise"}, "`corruptions` must be a list.*'noise'"),
        ({"images": PIXELS[..., :1], "corruptions": ["gray"]}, "1 channels"),
        ({"severities": [0]}, "`severities` must be"),
        ({"severities": 3}, "`severities` must be a list.*3"),
        ({"seed": 2**31}, "`seed` must be below"),
        ({"seed": None}, "`seed` must be an integer"),
        ({"severities": []}, "must not be empty"),
        ({"batch_size": 0}, "`batch_size`"),
        ({"severities": [1.5]}, "`severities` must be.*1.5"),
        ({"classify": lambda x: np.zeros((len(x), 2))}, "`classify"),
        # Probabilities, and names for numbers: all would count as wrong.
        ({"classify": lambda x: np.full(len(x), 0.9)}, "`classify.*float64"),
        ({"classify": lambda x: ["a"] * len(x)}, "`labels` and `classify.*'a'"),
    ],
)
def test_bad_arguments_are_refused(change, message):
    arguments = {
        "classify": lambda x: np.zeros(len(x), int),
        "images": PIXELS,
        "labels": np.zeros(6, int),
        **change,
    }
    with pytest.raises(ValueError, match=message):
        corruption_accuracy(**arguments)
