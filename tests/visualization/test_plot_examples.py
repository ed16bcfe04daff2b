import numpy as np
import pytest

from keras_contrastive.visualization import plot_examples

pytest.importorskip("matplotlib")
pytestmark = pytest.mark.one_backend


def test_a_sheet_has_each_image_and_its_title(tmp_path):
    images = np.random.default_rng(0).random((5, 8, 8, 3))
    titles = ["a $name_", 2, "", "long " * 20, "five"]
    path = tmp_path / "new" / "sheet.png"
    figure = plot_examples(images, titles, columns=3, path=path)
    assert path.stat().st_size > 1000
    assert len(figure.axes) == 5
    lefts = {round(axes.get_position().x0, 3) for axes in figure.axes}
    assert len(lefts) == 3
    texts = [text.get_text() for text in figure.texts]
    assert texts[:2] == ["a $name_", "2"] and texts[3].count("\n") == 1


def test_bands_and_no_titles():
    images = np.zeros((2, 8, 8, 5), "uint8")
    assert len(plot_examples(images, rgb_channels=(4, 2, 0)).axes) == 2


@pytest.mark.parametrize(
    "arguments, name",
    [
        ({"titles": ["one"]}, "titles"),
        ({"columns": 0}, "columns"),
        ({"rgb_channels": (0, 1, 9)}, "rgb_channels"),
    ],
)
def test_bad_arguments(arguments, name):
    with pytest.raises(ValueError, match=f"`{name}`.*Received"):
        plot_examples(np.zeros((2, 8, 8, 3)), **arguments)
