import sys
import types

import keras
import numpy as np
import pytest

from keras_contrastive.visualization import plot_embeddings
from keras_contrastive.visualization.project_to_plane import pca

pytest.importorskip("matplotlib")

pytestmark = pytest.mark.one_backend


@pytest.fixture
def features(rng):
    return rng.normal(size=(60, 5)) * np.array([1.0, 5.0, 0.1, 3.0, 1.0])


@pytest.fixture
def labels(rng):
    return rng.permutation(60) % 3


def offsets(figure):
    """All points drawn, in no particular order."""
    parts = [part.get_offsets() for part in figure.axes[0].collections]
    return np.concatenate([np.asarray(part) for part in parts])


def legend_texts(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_pca_is_that_of_the_covariance(features):
    scores, explained = pca(features)
    centered = features - features.mean(axis=0)
    variances, axes = np.linalg.eigh(centered.T @ centered / len(features))
    expected = centered @ axes[:, [-1, -2]]
    signs = np.sign((scores * expected).sum(axis=0))
    np.testing.assert_allclose(scores, signs * expected, atol=1e-10)
    np.testing.assert_allclose(explained, variances[[-1, -2]] / variances.sum())


def test_pca_signs_do_not_depend_on_the_order_of_the_rows(features):
    scores, _ = pca(features)
    reversed_scores, _ = pca(features[::-1])
    np.testing.assert_allclose(scores, reversed_scores[::-1], atol=1e-10)


def test_points_are_the_principal_components(features, labels):
    figure = plot_embeddings(keras.ops.convert_to_tensor(features), labels)
    scores, explained = pca(features)
    points = offsets(figure)
    np.testing.assert_allclose(
        points[points[:, 0].argsort()],
        scores[scores[:, 0].argsort()],
        atol=1e-4,
    )
    axes = figure.axes[0]
    assert f"component 1 ({explained[0]:.1%}" in axes.get_xlabel()
    assert f"component 2 ({explained[1]:.1%}" in axes.get_ylabel()
    assert axes.get_title() == "PCA of 60 embeddings"


def test_each_point_has_the_color_of_its_class(features, labels):
    figure = plot_embeddings(features, labels)
    scores, _ = pca(features)
    scatter = figure.axes[0].collections[0]
    drawn = np.asarray(scatter.get_offsets())
    colors = {}
    for point, color in zip(drawn, scatter.get_facecolors(), strict=True):
        label = labels[np.abs(scores - point).sum(axis=1).argmin()]
        colors.setdefault(int(label), set()).add(tuple(color[:3]))
    assert sorted(colors) == [0, 1, 2]
    assert all(len(values) == 1 for values in colors.values())
    assert len(set.union(*colors.values())) == 3


def test_legend_names_the_classes_that_occur(features, labels):
    figure = plot_embeddings(
        features,
        keras.ops.convert_to_tensor(labels * 2),
        class_names=["cat", "-", "dog", "-", "owl"],
    )
    assert legend_texts(figure) == ["cat", "dog", "owl"]
    assert legend_texts(plot_embeddings(features, labels)) == ["0", "1", "2"]
    assert plot_embeddings(features).legends == []


def test_sixty_classes_are_drawn_in_sixty_ways(features):
    figure = plot_embeddings(features, np.arange(60))
    styles = {
        (handle.get_marker(), handle.get_color())
        for handle in figure.legends[0].legend_handles
    }
    assert len(styles) == 60
    assert len(offsets(figure)) == 60


@pytest.mark.parametrize("num_classes", [2, 10, 60])
def test_legend_lies_outside_the_axes(features, num_classes):
    figure = plot_embeddings(features, np.arange(60) % num_classes)
    figure.canvas.draw()
    legend = figure.legends[0].get_window_extent()
    axes = figure.axes[0].get_window_extent()
    assert legend.x0 >= axes.x1
    assert legend.x1 <= figure.bbox.x1 and legend.y0 >= figure.bbox.y0


@pytest.mark.parametrize("with_labels", [True, False])
def test_thumbnails_show_their_images_and_do_not_overlap(
    features, labels, rng, with_labels
):
    images = rng.integers(0, 256, (60, 8, 8, 3)).astype("uint8")
    figure = plot_embeddings(
        features, labels if with_labels else None, images=images
    )
    scores, _ = pca(features)
    figure.canvas.draw()
    thumbnails = figure.axes[0].artists
    assert 5 < len(thumbnails) <= 60
    boxes = []
    for thumbnail in thumbnails:
        index = np.abs(scores - thumbnail.xy).sum(axis=1).argmin()
        pixels = thumbnail.offsetbox.get_data()
        np.testing.assert_array_equal(pixels, images[index])
        boxes.append(thumbnail.patch.get_window_extent())
    for i, box in enumerate(boxes):
        assert box.count_overlaps(boxes[:i]) == 0


def test_more_points_are_drawn_smaller_and_fainter(rng):
    sizes, alphas = [], []
    for count in (20, 5000):
        figure = plot_embeddings(rng.normal(size=(count, 3)))
        scatter = figure.axes[0].collections[0]
        sizes.append(scatter.get_sizes()[0])
        alphas.append(scatter.get_alpha())
    assert sizes[1] < sizes[0] / 4 and alphas[1] < alphas[0]


def test_figure_is_saved_as_a_png(features, tmp_path):
    path = tmp_path / "new" / "embeddings.png"
    plot_embeddings(features, path=str(path))
    from matplotlib.image import imread

    pixels = imread(path)
    assert pixels.shape[:2] == (900, 1200) and pixels.std() > 0.01


def test_equal_embeddings_are_no_error():
    figure = plot_embeddings(np.ones((4, 3), "float16"))
    np.testing.assert_allclose(offsets(figure), 0, atol=1e-6)
    assert "(0.0%" in figure.axes[0].get_xlabel()


@pytest.mark.parametrize("noise", [0, 1e-30])
def test_tsne_of_equal_embeddings(rng, noise):
    # Scikit-learn's t-SNE ends the process where a variance is 0.
    pytest.importorskip("sklearn")
    features = noise * rng.normal(size=(12, 3))
    points = offsets(plot_embeddings(features, method="tsne"))
    assert np.isfinite(points).all() and (np.ptp(points) > 0) == (noise > 0)


@pytest.mark.parametrize("count", [3, 60])
def test_tsne(features, count):
    # Its threads spin while they wait, which is slow on a busy machine.
    threadpoolctl = pytest.importorskip("threadpoolctl")
    pytest.importorskip("sklearn")
    with threadpoolctl.threadpool_limits(1):
        figure = plot_embeddings(features[:count], method="tsne")
    assert offsets(figure).shape == (count, 2)
    assert figure.axes[0].get_xlabel() == "t-SNE 1"


def test_umap(features, monkeypatch):
    # UMAP itself isn't a dependency of the tests.
    class UMAP:
        def __init__(self, random_state):
            pass

        def fit_transform(self, features):
            return features[:, :2]

    monkeypatch.setitem(sys.modules, "umap", types.SimpleNamespace(UMAP=UMAP))
    figure = plot_embeddings(features, method="umap")
    shifted = features - features[0]
    expected = shifted[:, :2] / np.abs(shifted).max()
    np.testing.assert_allclose(offsets(figure), expected)


@pytest.mark.parametrize(
    ("method", "module", "package"),
    [("umap", "umap", "umap-learn"), ("tsne", "sklearn.manifold", "scikit")],
)
def test_missing_packages_are_named(
    features, monkeypatch, method, module, package
):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=package):
        plot_embeddings(features, method=method)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"features": np.ones(4)}, r"`features` .*\(n, d\).*\(4,\)"),
        ({"features": np.ones((1, 4))}, r"`features` .*n >= 2.*\(1, 4\)"),
        ({"features": np.ones((4, 1))}, r"`features` .*d >= 2.*\(4, 1\)"),
        ({"features": np.full((60, 2), np.nan)}, "`features` .*60 of 60 rows"),
        ({"labels": np.zeros(5, int)}, "`labels` .* 60 rows.*5"),
        ({"labels": np.zeros(60)}, "`labels` must be integers.*float64"),
        ({"labels": np.zeros((60, 1), int)}, r"`labels` .*\(60, 1\)"),
        ({"labels": np.full(60, -1)}, "`labels` must not be negative.*-1"),
        (
            {"labels": np.full(60, 2), "class_names": ["a", "b"]},
            "`class_names` must name every class up to 2.*2 names",
        ),
        ({"class_names": ["a"]}, "`class_names` needs `labels`"),
        ({"images": np.zeros((5, 4, 4, 3))}, "`images` .* 60 rows.*5"),
        ({"images": np.zeros((60, 4, 4))}, r"`images` .*\(60, 4, 4\)"),
        ({"method": "isomap"}, "`method` .*'pca', 'tsne', 'umap'.*'isomap'"),
    ],
)
def test_bad_arguments(features, arguments, message):
    with pytest.raises(ValueError, match=message):
        plot_embeddings(**{"features": features, **arguments})
