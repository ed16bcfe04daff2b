"""Metrics and figures in MLflow and Weights & Biases, as docs/pictures.md says.

`make test` installs neither, and skips these.
"""

import keras
import numpy as np
import pytest

import keras_contrastive as kc

pytestmark = pytest.mark.one_backend


@pytest.fixture
def fit(tmp_path, monkeypatch):
    """A function that trains a model, evaluated in the last epoch alone."""
    pytest.importorskip("matplotlib", reason="needs the extra `plots`")
    monkeypatch.chdir(tmp_path)
    data = kc.datasets.shapes(16, image_size=16)
    pixels = keras.Input((16, 16, 3))
    colors = keras.layers.GlobalAveragePooling2D()(pixels)
    model = kc.SimCLRModel(keras.Model(pixels, colors))
    model.compile(keras.optimizers.Adam(kc.optimizers.warmup_cosine(0.1, 4, 1)))
    labeled = data.images, data.labels
    evaluation = kc.callbacks.KNNEvaluation(
        labeled, labeled, k=1, every_n_epochs=2
    )

    def run(*callbacks):
        return model.fit(
            data.images,
            batch_size=8,
            epochs=2,
            verbose=0,
            callbacks=[evaluation, *callbacks],
        ).history

    run.figure = kc.visualization.plot_views(data.images[:2], model.multi_view)
    return run


def test_mlflow(fit, tmp_path):
    mlflow = pytest.importorskip("mlflow", reason="needs mlflow")
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    with mlflow.start_run() as run:
        history = fit(mlflow.keras.MlflowCallback())
        mlflow.log_figure(fit.figure, "views.png")
        mlflow.flush_async_logging()
    client = mlflow.MlflowClient()
    for name, values in history.items():
        logged = client.get_metric_history(run.info.run_id, name)
        np.testing.assert_allclose([each.value for each in logged], values)
    assert {"knn_accuracy", "loss"} <= set(history)
    names = [each.path for each in client.list_artifacts(run.info.run_id)]
    assert "views.png" in names


def test_wandb(fit, tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb", reason="needs wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    with wandb.init(project="tests", dir=tmp_path) as run:
        log = keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: run.log(logs, step=epoch)
        )
        history = fit(log)
        run.log({"views": wandb.Image(fit.figure)})
        for name, values in history.items():
            assert run.summary[name] == pytest.approx(values[-1])
    assert list(tmp_path.glob("wandb/offline-run-*/files/media/images/*.png"))
    assert list(tmp_path.glob("wandb/offline-run-*/*.wandb"))
