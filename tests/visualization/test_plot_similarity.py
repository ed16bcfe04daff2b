import keras
import numpy as np
import pytest

from keras_contrastive.visualization import plot_similarity

pytest.importorskip("matplotlib")

pytestmark = pytest.mark.one_backend

IMAGE_EMBEDDINGS = np.array([[2.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
TEXT_EMBEDDINGS = np.array([[0.0, 5.0], [3.0, 0.0]])
HALF = 0.5**0.5
SIMILARITY = [[0.0, 1.0, HALF], [1.0, 0.0, HALF]]


def heat_map(figure):
    return figure.axes[0]


def labels(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def test_shows_the_cosine_similarities():
    figure = plot_similarity(IMAGE_EMBEDDINGS, TEXT_EMBEDDINGS)
    axes = heat_map(figure)
    np.testing.assert_allclose(
        axes.images[0].get_array(), SIMILARITY, atol=1e-6
    )
    assert [text.get_text() for text in axes.texts] == (
        "0.00 1.00 0.71 1.00 0.00 0.71".split()
    )
    assert labels(axes.yaxis) == ["0", "1"]
    assert labels(axes.xaxis) == ["0", "1", "2"]
    assert not axes.patches


def test_images_stand_over_their_columns_and_texts_beside_their_rows(rng):
    images = rng.integers(0, 256, (3, 4, 6, 3)).astype("uint8")
    texts = ["a $5 bill and a $10 bill", "a " + "very " * 30 + "long text"]
    tensors = map(
        keras.ops.convert_to_tensor, (IMAGE_EMBEDDINGS, TEXT_EMBEDDINGS)
    )
    figure = plot_similarity(*tensors, images=images, texts=texts)
    figure.draw_without_rendering()
    axes = heat_map(figure)
    pictures = figure.axes[1:4]
    for column, picture in enumerate(pictures):
        shown = np.asarray(picture.images[0].get_array())
        np.testing.assert_array_equal(shown, images[column])
        box = picture.get_window_extent()
        middle, top = axes.transData.transform((column, -0.5))
        assert abs((box.x0 + box.x1) / 2 - middle) < 1
        assert 0 < box.y0 - top < 10
        assert box.y1 < figure.bbox.y1
    shown = labels(axes.yaxis)
    assert shown[0] == texts[0]
    lines = shown[1].split("\n")
    assert len(lines) == 4 and lines[-1].endswith("…")
    # Nothing is cut off, and no text runs into the next one.
    boxes = [label.get_window_extent() for label in axes.get_yticklabels()]
    assert boxes[0].y0 > boxes[1].y1
    for box in boxes:
        assert box.x0 > 0 and box.y0 > 0


def test_frames_stand_at_the_right_pairs():
    figure = plot_similarity(
        IMAGE_EMBEDDINGS, TEXT_EMBEDDINGS, image_index=[1, 2]
    )
    centers = [
        patch.get_center().round().tolist()
        for patch in heat_map(figure).patches
    ]
    assert centers == [[1, 0], [2, 1]]


def test_many_are_drawn_small(rng):
    embeddings = rng.standard_normal((300, 4))
    figure = plot_similarity(embeddings, embeddings[:150])
    assert max(figure.get_size_inches()) < 45
    assert not heat_map(figure).texts
    assert len(labels(heat_map(figure).xaxis)) == 150


def test_saves(tmp_path):
    path = tmp_path / "new" / "similarity.png"
    plot_similarity(IMAGE_EMBEDDINGS, TEXT_EMBEDDINGS, path=path)
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_embeddings": np.ones(3)}, "`image_embeddings`"),
        ({"text_embeddings": np.ones((2, 3))}, "same width"),
        ({"images": np.zeros((2, 4, 4, 3), "uint8")}, "`images`.*3 rows.*2"),
        ({"texts": ["one"]}, "`texts`.*2 rows.*1"),
        ({"image_index": [0, 3]}, "`image_index`.*0 to 2"),
        ({"image_index": [0]}, "`image_index`"),
    ],
)
def test_bad_arguments_are_refused(change, message):
    arguments = {
        "image_embeddings": IMAGE_EMBEDDINGS,
        "text_embeddings": TEXT_EMBEDDINGS,
        **change,
    }
    with pytest.raises(ValueError, match=message):
        plot_similarity(**arguments)
