import base64
import io

import numpy as np
import pytest

from keras_contrastive.visualization.html_pictures import Picture
from keras_contrastive.visualization.html_pictures import encode
from keras_contrastive.visualization.html_pictures import row

pytestmark = pytest.mark.one_backend
Image = pytest.importorskip("PIL.Image")


@pytest.mark.parametrize(("size", "form"), [(32, "PNG"), (200, "JPEG")])
def test_encode(size, form):
    gradient = np.linspace(0, 255, size).astype("uint8")
    pixels = np.broadcast_to(gradient[:, None], (size, size, 3))
    image = Image.open(
        io.BytesIO(base64.b64decode(encode(pixels).split(",")[1]))
    )
    assert image.format == form
    np.testing.assert_allclose(np.asarray(image), pixels, atol=8)


def test_titles_of_users_are_text():
    title = "\"><img src=x onerror='a'> & \udc80\n</figure>"
    (element,) = row([Picture(np.zeros((8, 8, 3), "uint8"), title)]).split("\n")
    assert element.count("<img ") == 1 and element.count("</figure>") == 1
    assert (
        "&quot;&gt;&lt;img src=x onerror=&#x27;a&#x27;&gt; &amp; ?" in element
    )
