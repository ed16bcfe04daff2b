import re
from xml.etree import ElementTree

import numpy as np
import pytest

from keras_contrastive.visualization.history_panels import make_panels
from keras_contrastive.visualization.plot_history import plot_panel

pytest.importorskip("matplotlib")
from keras_contrastive.visualization.svg_figure import themed
from keras_contrastive.visualization.svg_figure import to_svg

pytestmark = pytest.mark.one_backend


def test_follows_the_colors_of_the_page():
    (panel,) = make_panels({"<b>own</b>": np.array([1.0, 2.0])})
    with themed():
        figure = plot_panel(panel)
    svg = to_svg(figure, "own &amp; other")
    root = ElementTree.fromstring(svg)
    assert root.get("aria-label") == "own & other"
    assert root.get("viewBox") and root.get("width") is None
    assert "&lt;b&gt;own" in svg and "<b>" not in svg
    assert "currentColor" in svg
    colors = set(re.findall(r"(?:fill|stroke): (#\w+)", svg))
    assert not colors & {"#ffffff", "#010203"}
    # The page has several figures, whose identifiers must differ.
    assert "figure_1" not in svg
