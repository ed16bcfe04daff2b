"""Data without an example or a batch, such as of a small validation set."""

import numpy as np
import pytest

import keras_contrastive as kc
from tests.models.helpers import PyBatches
from tests.models.helpers import encoder
from tests.models.helpers import images_and_labels
from tests.models.helpers import simclr
from tests.models.helpers import weights_of

IMAGES, LABELS = images_and_labels()


def py_batches():
    return PyBatches(IMAGES, size=32)


def loader_that_drops_all():
    torch = pytest.importorskip("torch")
    data = torch.utils.data.TensorDataset(torch.from_numpy(IMAGES))
    return torch.utils.data.DataLoader(data, batch_size=32, drop_last=True)


def tf_data_that_drops_all():
    tf = pytest.importorskip("tensorflow")
    data = tf.data.Dataset.from_tensor_slices(IMAGES)
    return data.batch(32, drop_remainder=True)


DATASETS = [py_batches, loader_that_drops_all, tf_data_that_drops_all]


@pytest.fixture(scope="module")
def model():
    model = simclr()
    model.fit(IMAGES[:4], batch_size=4, verbose=0)
    return model


def test_arrays_without_rows(model):
    before = weights_of(model)
    none = IMAGES[:0]
    for entry in (
        lambda: model.fit(none, verbose=0),
        lambda: model.fit(IMAGES, validation_data=(none, LABELS[:0])),
        lambda: model.evaluate(none, verbose=0),
        lambda: model.predict(none, verbose=0),
        lambda: model.train_on_batch(none),
        lambda: model.test_on_batch(none),
        lambda: model.predict_on_batch(none),
        lambda: kc.evaluation.extract_features(model, none, verbose=0),
    ):
        with pytest.raises(ValueError, match="at least one example"):
            entry()
    for old, new in zip(before, weights_of(model), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.one_case
@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.filterwarnings("ignore:.*ran out of data", "ignore:.*shuffle=True")
def test_datasets_without_a_batch(model, dataset):
    for entry in (
        lambda: model.fit(dataset(), verbose=0),
        lambda: model.evaluate(dataset(), verbose=0),
        lambda: model.evaluate(dataset(), verbose=0, return_dict=True),
        lambda: model.predict(dataset(), verbose=0),
        lambda: kc.evaluation.extract_features(model, dataset(), verbose=0),
        lambda: kc.evaluation.extract_features(encoder(), dataset()),
    ):
        with pytest.raises(ValueError, match="at least one batch"):
            entry()


@pytest.mark.filterwarnings("ignore:.*ran out of data")
def test_training_goes_on_without_validation(model):
    data = tf_data_that_drops_all()
    with pytest.warns(UserWarning, match="no validation"):
        logs = model.fit(
            IMAGES, validation_data=data, batch_size=8, verbose=0
        ).history
    assert "loss" in logs and "val_loss" not in logs


@pytest.mark.one_backend
@pytest.mark.filterwarnings("ignore:.*ran out of data")
def test_plain_models_and_losses():
    with pytest.raises(ValueError, match="at least one"):
        kc.evaluation.extract_features(encoder(), IMAGES[:0], verbose=0)
    none = np.zeros((0, 4), "float32")
    for loss in (
        kc.losses.NTXentLoss(),
        kc.losses.CLIPLoss(),
        kc.losses.BarlowTwinsLoss(),
        kc.losses.NegativeCosineSimilarity(),
    ):
        with pytest.raises(ValueError, match="at least one example"):
            loss(none, none)
    with pytest.raises(ValueError, match="at least one example"):
        kc.losses.SupConLoss()(np.zeros(0, int), none)
