import math

import keras
import numpy as np
import pytest

from keras_contrastive.visualization import plot_history

pytest.importorskip("matplotlib")

pytestmark = pytest.mark.one_backend


def curves(figure):
    return {
        line.get_label(): line.get_xydata().tolist()
        for axes in figure.axes
        for line in axes.lines
    }


def test_panels_and_curves():
    figure = plot_history(
        {
            "logit_scale": [10.0, 20.0],
            "val_text_to_image_recall@1": [math.nan, 0.5],
            "contrastive_accuracy": [0.25, 0.5],
            "loss": [3.0, 2.0],
            "val_loss": [3.5, 3.0],
            "effective_rank": [4.0, 5.0],
            "own": [1.0, 2.0],
        }
    )
    assert [axes.get_title() for axes in figure.axes if axes.lines] == [
        "Loss",
        "Temperature",
        "Finding each other, held out",
        "Views matched (contrastive accuracy)",
        "Effective rank",
        "own",
    ]
    assert all(
        axes.get_xlabel() == "epoch" and axes.get_ylabel()
        for axes in figure.axes
        if axes.lines
    )
    drawn = curves(figure)
    assert drawn["temperature"] == [[1, 0.1], [2, 0.05]]
    assert drawn["val_loss"] == [[1, 3.5], [2, 3.0]]
    # Where nothing was measured nothing is drawn.
    assert drawn["val_text_to_image_recall@1"] == [[2, 0.5]]


def test_a_color_for_each_direction_and_a_legend_in_words():
    names = [
        f"val_{way}_recall@{k}"
        for k in (10, 1, 5)
        for way in ("image_to_text", "text_to_image")
    ]
    (axes,) = plot_history(dict.fromkeys(names, [0.1, 0.2])).axes
    assert len({line.get_color() for line in axes.lines}) == 2
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        f"{way}, top {k}"
        for way in ("image finds caption", "caption finds image")
        for k in (1, 5, 10)
    ]


def test_reads_what_fit_returns_and_what_csv_logger_writes(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    path = tmp_path / "history.csv"
    history = model.fit(
        np.ones((4, 2)),
        np.ones((4, 1)),
        epochs=3,
        verbose=0,
        callbacks=[keras.callbacks.CSVLogger(path)],
    )
    expected = history.history["loss"]
    for source in (history, history.history, path, str(path)):
        points = np.array(curves(plot_history(source))["loss"])
        np.testing.assert_allclose(points, np.c_[1:4, expected])


@pytest.mark.parametrize(
    "history", [{}, {"acc": [math.nan]}, [1.0, 2.0], {"loss": []}]
)
def test_nothing_to_draw(history):
    with pytest.raises(ValueError, match="`history` must"):
        plot_history(history)


def test_a_loss_that_was_never_finite_has_an_empty_panel():
    figure = plot_history({"loss": [math.nan, math.inf], "accuracy": [0, 1]})
    loss, accuracy = figure.axes
    assert loss.get_title() == "Loss"
    assert [text.get_text() for text in loss.texts] == ["never finite"]
    assert not accuracy.texts


def test_other_files(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text("\ufeffepoch,loss\n0,3.0\n1,NA\n2,1.0\n", "utf-8")
    assert curves(plot_history(path)) == {"loss": [[1, 3.0], [3, 1.0]]}
    for line in ("3,low", "3,0.5,0.1"):
        path.write_text(f"epoch,loss\n0,3.0\n{line}\n")
        with pytest.raises(ValueError, match=r"history\.csv, line 3"):
            plot_history(path)
