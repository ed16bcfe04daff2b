import numpy as np
import pytest

from keras_contrastive.visualization import plot_retrieval

pytest.importorskip("matplotlib")

pytestmark = pytest.mark.one_backend

# Text j's order of images: 0: 0 2 1 3; 1: 1 2 0 3; 2: 2 0 1 3; 3: 3 2 0 1.
IMAGE_EMBEDDINGS = np.array([[1.0, 0, 0], [0, 1, 0], [1, 0.9, 0], [0, 0, 2]])
TEXT_EMBEDDINGS = np.array(
    [[5.0, 0, 0], [0, 5.0, 0], [1, 0.8, 0], [0.01, 0.009, 1]]
)
TEXTS = ["east", "north", "a place in the north east, " * 9, "up for $5 or $6"]
IMAGE_INDEX = [0, 2, 2, 3]


def make(**changes):
    images = np.zeros((4, 4, 6, 3), "uint8")
    images += 10 * np.arange(4, dtype="uint8")[:, None, None, None]
    arguments = {
        "images": images,
        "texts": TEXTS,
        "image_embeddings": IMAGE_EMBEDDINGS,
        "text_embeddings": TEXT_EMBEDDINGS,
        "k": 3,
        "image_index": IMAGE_INDEX,
        **changes,
    }
    return plot_retrieval(**arguments)


def pictures(figure):
    return [axes.images[0].get_array()[0, 0, 0] // 10 for axes in figure.axes]


def framed(figure):
    return [axes.spines["left"].get_visible() for axes in figure.axes]


def written(figure):
    return [text.get_text() for text in figure.texts]


def test_images_found_for_texts_the_best_first():
    figure = make(queries=[1, 0])
    assert pictures(figure) == [1, 2, 0, 0, 2, 1]
    assert framed(figure) == [False, True, False, True, False, False]
    similarity = f"{0.9 / np.hypot(1, 0.9):.2f}"
    assert written(figure)[:4] == ["north", "1.00", f"✓ {similarity}", "0.00"]
    assert written(figure)[4:6] == ["east", "✓ 1.00"]


def test_texts_found_for_images_the_best_first():
    figure = make(direction="image_to_text", queries=[2, 3], k=2)
    assert pictures(figure) == [2, 3]
    texts = written(figure)
    assert texts[0] == "✓ 1.00"
    assert texts[1].startswith("a place in the north east")
    assert texts[2].endswith("…")  # its second and last line
    assert texts[3] == f"{1 / np.hypot(1, 0.9):.2f}"
    assert texts[4:7] == ["east", "✓ 1.00", "up for $5 or $6"]


def test_all_images_can_be_found_by_sentences_without_any():
    figure = make(
        texts=["up"], text_embeddings=[[0, 0, 1.0]], image_index=None, k=9
    )
    assert pictures(figure)[0] == 3
    assert len(figure.axes) == 4
    assert not any(framed(figure))
    assert not any("✓" in text for text in written(figure))


@pytest.mark.parametrize("direction", ["text_to_image", "image_to_text"])
def test_nothing_overlaps_or_is_cut_off(direction):
    figure = make(direction=direction, texts=[TEXTS[2]] * 4, k=4)
    figure.draw_without_rendering()
    boxes = [
        thing.get_window_extent() for thing in (*figure.axes, *figure.texts)
    ]
    for index, box in enumerate(boxes):
        assert box.x0 > 0 and box.y0 > 0
        assert box.x1 < figure.bbox.x1 and box.y1 < figure.bbox.y1
        # Lines of text may touch.
        assert not any(
            box.shrunk(0.95, 0.9).overlaps(other.shrunk(0.95, 0.9))
            for other in boxes[:index]
        )


def test_default_queries_are_the_first_eight(rng, tmp_path):
    embeddings = rng.standard_normal((10, 4))
    path = tmp_path / "new" / "retrieval.png"
    figure = make(
        images=rng.random((10, 4, 4, 3)),
        texts=[str(i) for i in range(10)],
        image_embeddings=embeddings,
        text_embeddings=embeddings,
        image_index=range(10),
        k=1,
        path=path,
    )
    assert written(figure)[::2] == [str(i) for i in range(8)]
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"direction": "up"}, "`direction`.*up"),
        ({"k": 0}, "`k`.*0"),
        ({"images": np.zeros((3, 4, 4, 3), "uint8")}, "`images`.*4 rows.*3"),
        ({"images": np.zeros((4, 4, 4), "uint8")}, "`images`.*shape"),
        ({"texts": ["one"]}, "`texts`.*4 rows.*1"),
        ({"image_index": [0, 1, 2, 4]}, "`image_index`.*0 to 3"),
        ({"queries": [4]}, r"`queries`.*0 to 3.*\[4\]"),
        ({"queries": []}, "`queries`"),
        ({"text_embeddings": np.ones((4, 2))}, "same width"),
    ],
)
def test_bad_arguments_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        make(**change)
