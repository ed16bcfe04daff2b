"""What `compile` takes, and what it refuses before any training."""

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests.models.helpers import clip
from tests.models.helpers import encoder
from tests.models.helpers import simclr


class NoNames(kc.models.ContrastiveModel):
    pass


class Queue(keras.losses.Loss):
    def call(self, queries, keys, queue):
        return queries


LOSSES = [
    keras.losses.MeanSquaredError(),
    keras.losses.CategoricalCrossentropy(),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    keras.losses.mean_squared_error,
    lambda first, second: first,
    "mse",
    "categorical_crossentropy",
    "triplet",
    kc.losses.NTXentLoss,
    kc.losses.NTXentLoss(reduction=None),
    Queue(),
    {"a": kc.losses.NTXentLoss()},
    3,
]


@pytest.mark.parametrize("loss", LOSSES, ids=range(len(LOSSES)))
def test_refuses_what_is_no_loss_of_two_embeddings(loss):
    for model in (NoNames(), simclr(), clip()):
        with pytest.raises(ValueError, match="`loss` must be .*Received: loss"):
            model.compile("adam", loss)


def test_refuses_a_loss_of_labels_where_there_are_none():
    for model in (NoNames(), clip()):
        with pytest.raises(ValueError, match="a loss of labels.*SimCLRModel"):
            model.compile("adam", kc.losses.SupConLoss())


def test_takes_other_losses_of_two_embeddings():
    class Own(keras.losses.Loss):
        def call(self, y_true, y_pred):
            return keras.ops.sum(y_true * y_pred, axis=-1)

    for loss in (Own(), keras.losses.CosineSimilarity()):
        model = simclr(compile={"loss": loss, "run_eagerly": True})
        assert model.loss is loss
    images = np.zeros((4, 16, 16, 3), "uint8")
    assert np.isfinite(model.train_on_batch(images)).all()


def test_a_model_without_named_losses_needs_one():
    with pytest.raises(ValueError, match="`loss` must be given.*loss=None"):
        NoNames().compile()
    NoNames().compile(loss=kc.losses.NTXentLoss())


@pytest.mark.parametrize("size", [0, -1, 2.5, 2.0, True, "8", [8]])
def test_refuses_sizes(size):
    for name in ("microbatch_size", "steps_per_execution"):
        with pytest.raises(ValueError, match=f"`{name}` must be a positive in"):
            simclr(compile={name: size})
    with pytest.raises(ValueError, match="`projection_dim` must be a positive"):
        kc.CLIPModel(encoder(), encoder(), size)
    with pytest.raises(ValueError, match="`num_classes` must be a positive"):
        kc.SimCLRModel(encoder(), num_classes=size)
    with pytest.raises(ValueError, match="`block_size` must be a positive"):
        kc.losses.NTXentLoss(block_size=size)


def test_takes_integers_of_numpy():
    model = simclr(compile={"microbatch_size": np.int64(8)})
    assert type(model.microbatch_size) is int
    assert kc.metrics.RetrievalRecall(np.int32(5)).k == 5


def test_takes_one_metric_or_several():
    metric = kc.metrics.Alignment()
    for metrics in (metric, [metric], (metric,)):
        model = simclr(compile={"metrics": metrics, "run_eagerly": True})
    images = np.zeros((4, 16, 16, 3), "uint8")
    logs = model.train_on_batch(images, return_dict=True)
    assert set(logs) == {"loss", "alignment"}


@pytest.mark.parametrize(
    "metrics",
    [
        "accuracy",
        ["accuracy"],
        {"accuracy": kc.metrics.Alignment()},
        [[kc.metrics.Alignment()]],
        kc.metrics.Alignment,
        3,
    ],
    ids=range(6),
)
def test_refuses_other_metrics(metrics):
    with pytest.raises(ValueError, match="`metrics` must be keras.*Received"):
        simclr(compile={"metrics": metrics})


def test_compiling_on_pytorch_is_warned_of():
    for value in ("yes", None, 2):
        with pytest.raises(ValueError, match="`jit_compile` must be True, F"):
            simclr(compile={"jit_compile": value})
    if keras.backend.backend() != "torch":
        assert simclr(compile={"jit_compile": True}).jit_compile
        return
    with pytest.warns(UserWarning, match="`jit_compile=True` is not supported"):
        model = simclr(compile={"jit_compile": True})
    assert model.jit_compile is False
    # A file may go on to another backend.
    assert model.get_compile_config()["jit_compile"] is True
