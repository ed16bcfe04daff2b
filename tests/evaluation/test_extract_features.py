import keras
import numpy as np
import pytest

from keras_contrastive.evaluation import extract_features


@pytest.fixture
def images(rng):
    return rng.random((10, 4, 4, 3)).astype("float32")


@pytest.fixture
def labels():
    return np.arange(10) % 3


def mean_color():
    return keras.Sequential([keras.layers.GlobalAveragePooling2D()])


class Batches(keras.utils.PyDataset):
    """Batches of 4; the last one has 2. Has no end if so asked."""

    def __init__(self, images, labels, is_endless=False):
        super().__init__()
        self.images = images
        self.labels = labels
        self.is_endless = is_endless

    @property
    def num_batches(self):
        return None if self.is_endless else 3

    def __getitem__(self, index):
        rows = slice(4 * index, 4 * index + 4)
        return self.images[rows], self.labels[rows]


def as_tf_data(images, labels):
    tf = pytest.importorskip("tensorflow")
    return tf.data.Dataset.from_tensor_slices((images, labels)).batch(4)


def as_loader(images, labels):
    data = pytest.importorskip("torch.utils.data")
    torch = pytest.importorskip("torch")
    dataset = data.TensorDataset(torch.tensor(images), torch.tensor(labels))
    return data.DataLoader(dataset, batch_size=4)


def as_list(images, labels):
    batches = Batches(images, labels)
    return [batches[0], batches[1], batches[2]]


def as_arrays(images, labels):
    return images, labels[:, None]


def as_generator(images, labels):
    yield from as_list(images, labels)


@pytest.mark.parametrize(
    "make", [as_arrays, Batches, as_tf_data, as_loader, as_list, as_generator]
)
@pytest.mark.filterwarnings("error:Your input ran out")
def test_every_kind_of_data(make, images, labels):
    data = make(images, labels)
    features, found = extract_features(mean_color(), data, 4, verbose=0)
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, images.mean((1, 2)), rtol=1e-5)
    np.testing.assert_array_equal(found, labels)


def test_unlabeled_data(images):
    for data in (images, [images[:6], images[6:]]):
        features, labels = extract_features(mean_color(), data, verbose=0)
        assert features.shape == (10, 3)
        assert labels is None


@pytest.mark.parametrize("make", [as_arrays, Batches, as_list])
def test_progress(make, images, labels, capsys):
    """It tells how many batches there are, or nothing at all."""
    data = make(images, labels)
    extract_features(mean_color(), data, 4, verbose=0)
    assert capsys.readouterr().out == ""
    extract_features(mean_color(), data, 4, verbose=1)
    printed = capsys.readouterr().out
    assert "3/3" in printed
    assert "Unknown" not in printed


def test_labels_follow_a_shuffled_data_set(images):
    """Each pass is in a new order, so features and labels must share one."""
    colors = images.mean((1, 2))
    order = np.random.default_rng(1)

    class Shuffled(Batches):
        def __getitem__(self, index):
            rows = order.integers(0, 10, 4)
            return self.images[rows], rows

    data = Shuffled(images, None)
    features, rows = extract_features(mean_color(), data, verbose=0)
    np.testing.assert_allclose(features, colors[rows], rtol=1e-5)


def test_mixed_precision_features_are_float32(images):
    keras.config.set_dtype_policy("mixed_bfloat16")
    features, _ = extract_features(mean_color(), images, verbose=0)
    assert features.dtype == np.float32


def test_endless_data_is_refused(images, labels):
    with pytest.raises(ValueError, match="endless"):
        extract_features(mean_color(), Batches(images, labels, True))
    endless = as_tf_data(images, labels).repeat()
    with pytest.raises(ValueError, match="endless"):
        extract_features(mean_color(), endless)


def test_features_that_are_no_vectors_are_refused(images):
    encoder = keras.Sequential([keras.layers.Conv2D(2, 3)])
    with pytest.raises(ValueError, match="pooling"):
        extract_features(encoder, images, verbose=0)
    inputs = keras.Input((4, 4, 3))
    two_outputs = keras.Model(inputs, [inputs, inputs])
    with pytest.raises(ValueError, match="Received: list"):
        extract_features(two_outputs, images, verbose=0)


def test_batches_of_one_may_have_a_single_label(images):
    batches = ((images[i : i + 1], i) for i in range(3))
    _, found = extract_features(mean_color(), batches, verbose=0)
    assert found.tolist() == [0, 1, 2]


def test_tuples_of_more_than_images_and_labels_are_refused(images, labels):
    with pytest.raises(ValueError, match="`data` must be images or a tuple"):
        extract_features(mean_color(), (images, labels, labels), verbose=0)


def test_labels_of_another_length_are_refused(images, labels):
    with pytest.raises(ValueError, match="`labels`"):
        extract_features(mean_color(), (images, labels[:9]), verbose=0)
