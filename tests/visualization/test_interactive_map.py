import base64
import io
import json
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

from keras_contrastive.visualization.interactive_map import interactive_map
from keras_contrastive.visualization.interactive_map import is_available
from keras_contrastive.visualization.interactive_map import sprite

pytestmark = pytest.mark.one_backend
Image = pytest.importorskip("PIL.Image")


class Elements(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]


def test_names_of_users_are_data():
    pytest.importorskip("plotly")
    names = ["</script><img src=x onerror=alert(1)>", "<!--<script>", "é"]
    pictures = np.zeros((3, 8, 8, 3), "uint8")
    html = interactive_map({"names": names, "captions": names}, pictures)
    elements = Elements(html)
    assert elements.tags.count("script") == 3 and "img" not in elements.tags
    assert "onerror" not in elements.attributes
    content = re.search(r'id="map-data">(.*?)</script>', html, re.DOTALL)[1]
    assert "<" not in content
    assert json.loads(content)["names"] == names


def test_sprite():
    pictures = np.zeros((5, 40, 40, 3), "uint8")
    pictures[4, ..., 0] = 255
    address = sprite(pictures, columns=3)
    sheet = Image.open(io.BytesIO(base64.b64decode(address.split(",")[1])))
    assert sheet.size == (3 * 96, 2 * 96)
    colors = np.asarray(sheet).astype(int)
    # JPEG blends the colors of pixels at an edge.
    np.testing.assert_allclose(colors[98:, 98:190, 0], 255, atol=8)
    assert colors[:94].max() < 8 and colors[98:, :94].max() < 8


def test_two_thousand_pictures_are_small():
    rng = np.random.default_rng(0)
    # Smooth, with the noise of photographs.
    smooth = rng.integers(0, 256, (2000, 4, 4, 3)).repeat(8, 1).repeat(8, 2)
    pictures = np.clip(smooth + rng.normal(0, 12, smooth.shape), 0, 255)
    assert len(sprite(pictures.astype("uint8"), 45)) < 5_000_000


def test_without_plotly(monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    assert not is_available()
    with pytest.raises(ImportError, match=r"'keras_contrastive\[report\]'"):
        interactive_map({}, np.zeros((3, 8, 8, 3), "uint8"))
