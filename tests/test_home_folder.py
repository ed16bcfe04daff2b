"""A path that begins with `~`, wherever the package takes one."""

import keras
import numpy as np
import pytest

import keras_contrastive as kc

pytestmark = pytest.mark.one_backend


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder, and a current folder that must stay empty."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    yield tmp_path / "home"
    assert list(here.iterdir()) == []


def test_checkpoints(home):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    checkpoint = kc.callbacks.Checkpoint("~/run")
    model.fit(
        np.ones((4, 2)), np.ones((4, 1)), callbacks=[checkpoint], verbose=0
    )
    assert list((home / "run").glob("*.npz"))


def test_figures_and_pages(home):
    pytest.importorskip("matplotlib", reason="needs the extra `plots`")
    kc.visualization.plot_history({"loss": [2, 1]}, path="~/plots/loss.png")
    kc.visualization.write_tensorboard_projector("~/logs", np.eye(3))
    assert (home / "plots" / "loss.png").is_file()
    assert (home / "logs" / "embeddings.tsv").is_file()


def test_texts(home):
    (home / "classes.txt").write_text("cat\ndog\n")
    assert kc.evaluation.read_class_names("~/classes.txt") == ["cat", "dog"]
    pytest.importorskip("tokenizers", reason="needs the extra `text`")
    tokenizer = kc.text.train_tokenizer(["a b"] * 3, 300, context_length=8)
    tokenizer.save("~/tokenizer.json")
    loaded = kc.text.CaptionTokenizer.load("~/tokenizer.json")
    assert loaded.vocabulary_size == tokenizer.vocabulary_size
