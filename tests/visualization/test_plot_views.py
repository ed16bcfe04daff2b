import sys

import keras
import numpy as np
import pytest

from keras_contrastive.visualization import plot_views

pytest.importorskip("matplotlib")

pytestmark = pytest.mark.one_backend


def shown(figure):
    """The pixels of every picture, row by row."""
    return [np.asarray(axes.images[0].get_array()) for axes in figure.axes]


def titles(figure):
    return [axes.get_title() for axes in figure.axes if axes.get_title()]


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (4, 6, 5, 3)).astype("uint8")


def test_images_and_views_are_shown_row_by_row(images):
    views = [255 - images, images[:, ::-1]]
    figure = plot_views(images, views, num_images=3)
    expected = [column[i] for i in range(3) for column in (images, *views)]
    assert len(figure.axes) == 9
    for pixels, picture in zip(shown(figure), expected, strict=True):
        np.testing.assert_array_equal(pixels, picture)
    assert titles(figure) == ["image", "view 1", "view 2"]


def test_float_tensors_are_shown_as_bytes(images):
    tensor = keras.ops.convert_to_tensor(images / np.float32(255))
    figure = plot_views(tensor, (tensor,))
    for i, pixels in enumerate(shown(figure)):
        np.testing.assert_array_equal(pixels, images[i // 2])


def test_half_precision_and_one_channel():
    gray = keras.ops.full((1, 4, 4, 1), 0.5, dtype="bfloat16")
    for pixels in shown(plot_views(gray, [gray])):
        np.testing.assert_array_equal(pixels, np.full((4, 4, 3), 128))


def test_some_of_many_channels(rng):
    bands = rng.integers(0, 256, (2, 6, 5, 7)).astype("uint8")
    pictures = shown(
        plot_views(bands, [bands[:, ::-1]], rgb_channels=(5, 0, 2))
    )
    np.testing.assert_array_equal(pictures[0], bands[0][..., [5, 0, 2]])
    np.testing.assert_array_equal(pictures[1], bands[0, ::-1][..., [5, 0, 2]])
    with pytest.raises(ValueError, match="`rgb_channels` of `plot_views`"):
        plot_views(bands, [bands])
    for wrong in ((0, 1), (0, 1, 7), (0, 1, -1), (0, 1, 2.0)):
        with pytest.raises(ValueError, match="must be three indices among"):
            plot_views(bands, [bands], rgb_channels=wrong)
    pictures = shown(plot_views(bands, [bands], rgb_channels=np.array([4] * 3)))
    np.testing.assert_array_equal(pictures[0], bands[0][..., [4, 4, 4]])


def test_views_may_have_another_size(images):
    figure = plot_views(images, [images[:, :3, :3]], num_images=1)
    assert [pixels.shape for pixels in shown(figure)] == [(6, 5, 3), (3, 3, 3)]


def test_layer_is_called_in_training_on_the_images_shown(images):
    class Record(keras.layers.Layer):
        def call(self, inputs, training=False):
            self.seen = (training, inputs.shape[0])
            return inputs

    layer = Record()
    figure = plot_views(images / np.float32(255), layer, num_images=2)
    assert layer.seen == (True, 2)
    assert titles(figure) == ["image", "view 1"]


def test_function_may_return_a_list(images):
    figure = plot_views(images, lambda x: [x, 255 - x], num_images=1)
    np.testing.assert_array_equal(shown(figure)[2], 255 - images[0])


def test_figure_is_saved_as_a_png(images, tmp_path):
    path = tmp_path / "new" / "views.png"
    plot_views(images, [images], path=path)
    from matplotlib.image import imread

    pixels = imread(path)
    assert pixels.ndim == 3 and pixels.std() > 0.05


def test_pyplot_is_not_used(images):
    before = "matplotlib.pyplot" in sys.modules
    plot_views(images, [images])
    assert ("matplotlib.pyplot" in sys.modules) == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: {"images": x[0]}, r"`images` .*shape.*\(6, 5, 3\)"),
        (lambda x: {"images": x[:0], "views": []}, "`images` .*shape"),
        (lambda x: {"images": x.astype("float32")}, "`images` .*from 0 to 1"),
        (lambda x: {"images": x * np.nan}, "`images` .*from 0 to 1.*nan"),
        (lambda x: {"views": [x, x[..., :2]]}, r"`views\[1\]` .*shape"),
        (lambda x: {"views": [x[:2]]}, r"`views\[0\]` .* 4 images.*2"),
        (lambda x: {"num_images": 0}, "`num_images` .*positive integer.*0"),
    ],
)
def test_bad_arguments(images, change, message):
    arguments = {"images": images, "views": [images], **change(images)}
    with pytest.raises(ValueError, match=message):
        plot_views(**arguments)


def test_missing_matplotlib_is_named(images, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"keras_contrastive\[plots\]"):
        plot_views(images, [images])
