"""Texts of the user's are drawn as they are written."""

import numpy as np
import pytest

from keras_contrastive import visualization
from keras_contrastive.visualization.figure import wrap

matplotlib = pytest.importorskip("matplotlib")

pytestmark = pytest.mark.one_backend

# None of them is a formula that matplotlib can draw, and one is a name that it
# leaves out of legends.
NAMES = ["$x", "$a_{b$ ^", "_under", "\\frac{$}$", "two\nlines $", "\udc80", ""]
SHOWN = [*NAMES[:4], "two lines $", "?", ""]


def written(figure):
    """The texts of a figure, once it has been drawn."""
    figure.draw_without_rendering()
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text)]


@pytest.fixture
def embeddings(rng):
    return rng.normal(size=(len(NAMES), 4))


@pytest.fixture
def images():
    return np.zeros((len(NAMES), 4, 4, 3), "uint8")


def test_class_names(embeddings):
    labels = np.arange(len(NAMES))
    figure = visualization.plot_embeddings(embeddings, labels, NAMES)
    assert set(SHOWN) <= set(written(figure))


def test_long_class_names_stay_different(embeddings):
    names = [f"{letter}" * 500 for letter in "abcdefg"]
    figure = visualization.plot_embeddings(embeddings, np.arange(7), names)
    shown = {text for text in written(figure) if text.endswith(" …")}
    assert len(shown) == 7 and max(map(len, shown)) <= 30


def test_names_of_logs(embeddings):
    own = {name: [1.0, 2.0] for name in NAMES}
    assert set(SHOWN) <= set(written(visualization.plot_history(own)))
    losses = {f"{name} loss": [1.0, 2.0] for name in NAMES}
    shown = written(visualization.plot_history(losses))
    assert {f"{name} loss".strip() for name in SHOWN} <= set(shown)


@pytest.mark.parametrize("direction", ["text_to_image", "image_to_text"])
def test_captions_that_are_searched(embeddings, images, direction):
    figure = visualization.plot_retrieval(
        images, NAMES, embeddings, embeddings, k=7, direction=direction
    )
    assert set(SHOWN) <= set(written(figure))


def test_captions_that_are_compared(embeddings, images):
    figure = visualization.plot_similarity(
        embeddings, embeddings, images, NAMES
    )
    assert set(SHOWN) <= set(written(figure))


def test_a_style_with_tex_leaves_them_alone(embeddings):
    with matplotlib.rc_context({"text.usetex": True}):
        figure = visualization.plot_embeddings(
            embeddings, np.arange(len(NAMES)), NAMES
        )
    (legend,) = figure.legends
    assert not any(text.get_usetex() for text in legend.get_texts())


def test_wrap_cuts_a_long_word():
    assert wrap("x" * 100, 10, max_lines=2) == "x" * 10 + "\n" + "x" * 8 + " …"
    assert wrap(b"caf\xc3\xa9 \xff", 10) == "café \ufffd"
