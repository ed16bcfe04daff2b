import numpy as np
import pytest

from keras_contrastive.visualization import map_data
from keras_contrastive.visualization.map_search import caption_loss
from keras_contrastive.visualization.map_search import search_data
from keras_contrastive.visualization.map_search import sentences

pytestmark = pytest.mark.one_backend


@pytest.fixture
def embeddings():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.eye(3, 6), 10, axis=0)
    return (5 * groups + 0.1 * rng.normal(size=(30, 6))).astype("float32")


@pytest.fixture
def no_scikit_learn(monkeypatch):
    monkeypatch.setattr(map_data, "_has_scikit_learn", lambda: False)


def test_layouts(embeddings):
    pytest.importorskip("sklearn")
    tsne, pca = map_data.layouts(embeddings)
    assert (tsne["name"], pca["name"]) == ("t-SNE", "PCA")
    for layout in (tsne, pca):
        points = np.array([layout["x"], layout["y"]]).T
        # Centered, on one scale, and near what is similar.
        assert np.abs(points).max() == 1
        np.testing.assert_allclose(
            points.min(axis=0), -points.max(axis=0), atol=1e-3
        )
        centers = points.reshape(3, 10, 2).mean(axis=1)
        nearest = np.linalg.norm(points[:, None] - centers, axis=-1).argmin(1)
        np.testing.assert_array_equal(nearest, np.repeat([0, 1, 2], 10))


def test_without_scikit_learn(embeddings, no_scikit_learn):
    (layout,) = map_data.layouts(embeddings)
    assert layout["name"] == "PCA"
    columns = map_data.columns(embeddings, None, None, {}, np.zeros(30))
    assert [column["name"] for column in columns] == ["distance to neighbors"]


def test_columns(embeddings):
    pytest.importorskip("sklearn")
    loss = np.array([np.nan, *range(29)])
    columns = map_data.columns(
        embeddings,
        np.repeat([0, 1, 2], 10),
        ["b", "a", "c"],
        {"loss": loss, "day": ["mo", "tu"] * 15, "year": [1999, 2001] * 15},
        np.zeros(30),
    )
    by_name = {column["name"]: column for column in columns}
    assert list(by_name) == [
        *("class", "cluster", "loss", "day", "year", "distance to neighbors")
    ]
    assert by_name["class"]["categories"] == ["a", "b", "c"]
    assert by_name["class"]["values"][::10] == [1, 0, 2]
    assert by_name["cluster"]["categories"] == ["1", "2", "3"]
    groups = np.reshape(by_name["cluster"]["values"], (3, 10))
    assert np.all(groups == groups[:, :1]) and len(set(groups[:, 0])) == 3
    assert by_name["loss"]["values"][:3] == [None, 0.0, 1.0]
    assert "categories" not in by_name["loss"]
    assert by_name["year"]["categories"] == ["1999", "2001"]
    with pytest.raises(ValueError, match=r"`columns\['loss'\]` must have one"):
        map_data.columns(embeddings, None, None, {"loss": [1]}, np.zeros(30))


def test_neighbors(embeddings, monkeypatch):
    monkeypatch.setattr(map_data, "CHUNK", 7)
    near, distances = map_data.neighbors(embeddings)
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    similarity = unit @ unit.T
    np.fill_diagonal(similarity, -np.inf)
    best = np.argsort(-similarity, axis=1)[:, :8]
    np.testing.assert_array_equal(near, best)
    expected = 1 - np.take_along_axis(similarity, best, axis=1).mean(axis=1)
    np.testing.assert_allclose(distances, expected, atol=1e-6)
    assert map_data.neighbors(embeddings[:3])[0].shape == (3, 2)


def test_sentences():
    captions = [f"the {'dog' if i % 2 else 'cat'} {i}" for i in range(900)]
    captions += ["the red bird", "the red bird", "Red"]
    known = sentences(captions)
    # A word of every second caption tells less than one of few.
    assert known[0] == "red" and "the" not in known and "dog" not in known
    assert known.count("the red bird") <= 1
    assert 150 < len(known) <= 400
    assert sentences(["one caption"]) == ["one caption"]


def test_search_data():
    found = search_data(
        np.eye(3),
        ["a first", "a second", "b"],
        np.array([2, 2, 0]),
        lambda texts: np.eye(3)[[len(text) % 3 for text in texts]],
    )
    assert found["texts"] == ["b", "", "a first"]
    assert [each[0] for each in found["found"]] == [
        len(text) % 3 for text in found["sentences"]
    ]


def test_caption_loss():
    images, texts = np.eye(3), np.eye(3)[[0, 0, 1]]
    index = np.array([0, 1, 1])
    p = np.exp([2, 0, 0]) / np.exp([2, 0, 0]).sum()
    loss = caption_loss(images, texts, index, scale=2.0)
    expected = [-np.log(p[0]), -(np.log(p[1]) + np.log(p[0])) / 2, 0]
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
