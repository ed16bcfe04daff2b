"""Metrics that create variables when they are first updated."""

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.trainer.step_metrics import StepMetrics
from tests.models.helpers import encoder
from tests.models.helpers import images_and_labels
from tests.models.helpers import simclr

IMAGES, _ = images_and_labels()


class PartlyBuilt(keras.metrics.Metric):
    """Has one variable from the start, and one of the embeddings' width."""

    def __init__(self, name="partly_built"):
        super().__init__(name=name)
        self.count = self.add_weight(initializer="zeros", name="count")
        self.sums = None

    def update_state(self, z_a, z_b, sample_weight=None):
        if self.sums is None:
            self.sums = self.add_weight(
                shape=(z_a.shape[1],), initializer="zeros", name="sums"
            )
        size = keras.ops.cast(keras.ops.shape(z_a)[0], "float32")
        self.count.assign_add(size)
        self.sums.assign(self.sums + size)

    def result(self):
        return keras.ops.mean(self.sums) / self.count


def late_metrics(prefix=""):
    return [
        kc.metrics.EffectiveRank(name=f"{prefix}effective_rank"),
        PartlyBuilt(name=f"{prefix}partly_built"),
    ]


def compiled(**metrics):
    model = kc.SimCLRModel(encoder(), kc.layers.ProjectionHead(8, 4))
    model.compile(**metrics)
    return model


ENTRIES = {
    "fit": lambda model: model.fit(IMAGES, batch_size=8, verbose=0).history,
    "evaluate": lambda model: model.evaluate(
        IMAGES, batch_size=8, verbose=0, return_dict=True
    ),
    "train_on_batch": lambda model: model.train_on_batch(
        IMAGES, return_dict=True
    ),
    "test_on_batch": lambda model: model.test_on_batch(
        IMAGES, return_dict=True
    ),
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_late_variables(entry):
    model = compiled(
        metrics=late_metrics(), weighted_metrics=late_metrics("weighted_")
    )
    assert model.built
    for _ in range(2):
        logs = ENTRIES[entry](model)
        for prefix in ("", "weighted_"):
            rank = np.ravel(logs[f"{prefix}effective_rank"])[-1]
            assert 1 <= rank <= 4
            assert np.ravel(logs[f"{prefix}partly_built"])[-1] == 1


def test_metrics_start_at_zero_after_the_build():
    model = compiled(metrics=late_metrics())
    logs = model.test_on_batch(IMAGES[:8], return_dict=True)
    (count,) = (m.count for m in model.metrics if m.name == "partly_built")
    assert float(count) == 8
    assert np.isfinite(logs["loss"])
    assert not model.health.summary()["findings"]


def step_metrics(**arguments):
    return StepMetrics(
        keras.metrics.Mean(name="loss"),
        ["first", "loss", "second"],
        **{"metrics": [], "weighted_metrics": [], **arguments},
    )


def test_losses_are_means_over_examples():
    metrics = step_metrics()
    metrics.update_losses({"first": 1.0, "second": 2.0}, 3.0, 1)
    metrics.update_losses({"first": 5.0, "second": 6.0}, 7.0, 3)
    found = {metric.name: float(metric.result()) for metric in metrics.all()}
    assert found == {"loss": 6.0, "first": 4.0, "second": 5.0}
    assert list(found) == ["loss", "first", "second"]
    assert metrics.loss_names == ("first", "loss", "second")


def test_metrics_take_weights_and_arguments():
    plain, weighted, other = (
        keras.metrics.Mean(name=name) for name in ("plain", "weighted", "other")
    )
    metrics = step_metrics(metrics=[plain], weighted_metrics=[weighted, other])
    names = [metric.name for metric in metrics.all()[1:4]]
    assert names == ["plain", "weighted", "other"]
    values, weights = np.array([1.0, 5.0]), np.array([3.0, 1.0])
    metrics.update_metrics((values,), weights)
    metrics.update_metrics(
        (values + 10,), None, takes=lambda metric: metric is not plain
    )
    metrics.update_metrics(
        (values,), weights, takes=lambda metric: metric is plain
    )
    found = [float(each.result()) for each in (plain, weighted, other)]
    np.testing.assert_allclose(found, [3.0, 34 / 6, 34 / 6])


@pytest.mark.skipif(
    keras.backend.backend() == "jax", reason="JAX builds all metrics"
)
def test_what_may_lack_variables():
    late = kc.metrics.EffectiveRank()
    mean = keras.metrics.Mean()
    assert not step_metrics().may_lack_variables
    assert not step_metrics(metrics=[mean]).may_lack_variables
    assert step_metrics(metrics=[mean, late]).may_lack_variables
    metrics = step_metrics(weighted_metrics=[late])
    assert metrics.may_lack_variables
    metrics.built = True
    assert not metrics.may_lack_variables


@pytest.mark.one_backend
def test_names_are_those_of_the_list_of_evaluate():
    model = simclr(num_classes=4)
    numbers = model.evaluate(*images_and_labels(), verbose=0)
    named = dict(zip(model.metrics_names, numbers, strict=True))
    logs = model.get_metrics_result()
    assert named == {k: pytest.approx(float(v)) for k, v in logs.items()}


@pytest.mark.one_backend
@pytest.mark.parametrize("backend, replicas", [("jax", 1), ("tensorflow", 2)])
def test_where_a_metric_must_be_built_first(backend, replicas, monkeypatch):
    """Also one that has variables, which may not be all of them."""

    def step_metrics(*metrics):
        loss = keras.metrics.Mean(name="loss")
        return StepMetrics(loss, ("loss",), list(metrics), [])

    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    partly_built, without = PartlyBuilt(), keras.metrics.Metric(name="none")
    assert step_metrics(without).may_lack_variables is True
    assert step_metrics(partly_built).may_lack_variables is False
    monkeypatch.setattr(keras.backend, "backend", lambda: backend)
    monkeypatch.setattr(kc.distribution, "num_replicas", lambda: replicas)
    assert step_metrics(partly_built).may_lack_variables is True
    assert step_metrics().may_lack_variables is False
    built = step_metrics(partly_built)
    built.built = True
    assert built.may_lack_variables is False
