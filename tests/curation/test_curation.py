"""Tables of doubtful rows, and subsets, against slow definitions."""

import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.curation.neighbors import neighbors
from keras_contrastive.curation.neighbors import unit_rows

pytestmark = pytest.mark.one_backend


def unit(rows):
    rows = np.asarray(rows, "float64")
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def blobs(rng, sizes=(40, 30, 20), dim=8, spread=0.15):
    """Rows around one center for each size, and their labels."""
    labels = np.repeat(np.arange(len(sizes)), sizes)
    rows = np.eye(dim)[labels] + spread * rng.standard_normal(
        (len(labels), dim)
    )
    return rows, labels


def test_neighbors_leave_the_row_itself_out(rng):
    rows = unit_rows(rng.standard_normal((30, 5)))
    rows[10:16] = rows[3]  # more copies than neighbors
    similarity, number = neighbors(rows, 4)
    assert (number != np.arange(30)[:, None]).all()
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -2)
    expected = -np.sort(-cosines, axis=1)[:, :4]
    np.testing.assert_allclose(similarity, expected, atol=1e-6)
    np.testing.assert_allclose(
        np.take_along_axis(cosines, number, axis=1), expected, atol=1e-6
    )
    assert neighbors(rows, 100)[1].shape == (30, 29)


def test_outliers_are_the_definition(rng):
    rows = rng.standard_normal((25, 6)) * 3
    table = kc.curation.outliers(rows, k=3)
    cosines = unit(rows) @ unit(rows).T
    np.fill_diagonal(cosines, -2)
    nearest = np.argsort(-cosines, axis=1)[:, :3]
    distance = 1 - np.take_along_axis(cosines, nearest, 1).mean(axis=1)
    median = np.median(distance)
    score = (distance + median) / (distance[nearest].mean(axis=1) + median)
    np.testing.assert_array_equal(table["row"], np.argsort(-score))
    np.testing.assert_allclose(table["score"], -np.sort(-score), atol=1e-6)


def test_outliers_are_not_the_neighbors_of_copies(rng):
    center = np.zeros(16) + [3.0, *np.zeros(15)]
    rows = center + 0.3 * rng.standard_normal((60, 16))
    rows[40:52] = rows[40]  # copies, which others have as neighbors
    rows[7] *= -1
    table = kc.curation.outliers(rows, k=10)
    assert table["row"][0] == 7
    score = dict(zip(table["row"], table["score"], strict=True))
    assert max(score[row] for row in range(60) if row != 7) < 2 < score[7]
    same = kc.curation.outliers(np.ones((30, 4)))
    np.testing.assert_allclose(same["score"], 1, atol=1e-3)


@pytest.mark.parametrize("names", [None, ["cat", "dog", "owl"]])
def test_wrong_labels_come_first_with_the_right_one(rng, names):
    rows, truth = blobs(rng)
    wrong = rng.choice(len(rows), 8, replace=False)
    labels = truth.copy()
    labels[wrong] = (labels[wrong] + 1) % 3
    given = labels if names is None else np.array(names)[labels]
    table = kc.curation.label_errors(rows, given, k=10)
    assert set(table["row"][:8]) == set(wrong)
    right = truth if names is None else np.array(names)[truth]
    np.testing.assert_array_equal(
        table["suggestion"][:8], right[table["row"][:8]]
    )
    np.testing.assert_array_equal(table["label"], given[table["row"]])
    assert table["score"][7] > 0 > table["score"][8]


def test_votes_are_those_of_the_formula(rng):
    rows, labels = blobs(rng, (6, 5, 4), spread=0.8)
    table = kc.curation.label_errors(rows, labels, k=4)
    cosines = unit(rows) @ unit(rows).T
    np.fill_diagonal(cosines, -2)
    for row, score, suggestion in zip(
        table["row"], table["score"], table["suggestion"], strict=True
    ):
        votes = np.zeros(3)
        for other in np.argsort(-cosines[row])[:4]:
            votes[labels[other]] += np.exp(cosines[row, other] / 0.1)
        votes /= votes.sum()
        own, votes[labels[row]] = votes[labels[row]], -1
        assert suggestion == votes.argmax()
        np.testing.assert_allclose(score, votes.max() - own, atol=1e-5)


def test_wrong_captions_come_first(rng):
    images = rng.standard_normal((30, 16))
    index = np.repeat(np.arange(30), 2)
    texts = images[index] + 0.3 * rng.standard_normal((60, 16))
    texts[[5, 20]] = texts[[20, 5]]
    table = kc.curation.caption_errors(images, texts, index)
    assert set(table["caption"][:2]) == {5, 20}
    cosines = unit(texts) @ unit(images).T
    own = cosines[np.arange(60), index]
    score = (own - cosines.mean(axis=1)) / cosines.std(axis=1)
    caption = table["caption"]
    np.testing.assert_array_equal(caption, np.argsort(score))
    np.testing.assert_allclose(table["score"], score[caption], atol=1e-4)
    np.testing.assert_allclose(table["similarity"], own[caption], atol=1e-5)
    np.testing.assert_array_equal(
        table["rank"], (cosines > own[:, None]).sum(axis=1)[caption]
    )
    np.testing.assert_array_equal(table["image"], index[caption])


def test_leaks_are_pairs_across_the_sets(rng):
    train, test = rng.standard_normal((40, 16)), rng.standard_normal((10, 16))
    test[7] = 2 * train[11]
    test[2] = train[30] + 0.1 * rng.standard_normal(16)
    table = kc.curation.leaks(train, test, threshold=0.9)
    assert table["test_row"].tolist() == [7, 2]
    assert table["train_row"].tolist() == [11, 30]
    assert not len(kc.curation.leaks(train, test[:2])["test_row"])
    everything = kc.curation.leaks(train, test, threshold=-1.0)
    assert sorted(everything["test_row"]) == list(range(10))


def test_a_diverse_subset_is_the_greedy_one(rng):
    rows = rng.standard_normal((30, 4))
    chosen = kc.curation.diverse_subset(rows, 8, seed=3)
    cosines = unit(rows) @ unit(rows).T
    for step in range(1, 8):
        nearest = cosines[:, chosen[:step]].max(axis=1)
        nearest[chosen[:step]] = 2
        assert chosen[step] == nearest.argmin()
    np.testing.assert_array_equal(
        kc.curation.diverse_subset(rows, 5, seed=3), chosen[:5]
    )
    assert sorted(kc.curation.diverse_subset(rows, 30)) == list(range(30))


def test_a_typical_subset_has_the_center_of_each_cluster(rng):
    rows, labels = blobs(rng)
    chosen = kc.curation.typical_subset(rows, 3)
    np.testing.assert_array_equal(labels[chosen], [0, 1, 2])  # largest first
    cosines = unit(rows) @ unit(rows).T
    for row in chosen:
        own = labels == labels[row]
        to_own = cosines[own][:, own].mean(axis=1)
        assert cosines[row, own].mean() > np.quantile(to_own, 0.7)


def test_clusters_are_found(rng):
    rows, labels = blobs(rng)
    for clusters in (
        kc.curation.cluster(rows, 3, seed=1),
        kc.curation.cluster(rows, smallest=8),
    ):
        table = kc.curation.describe_clusters(clusters, labels)
        assert table["label"].tolist() == [0, 1, 2]
        assert (table["purity"] == 1).all() and (table["recall"] > 0.8).all()


def test_a_table_of_clusters():
    table = kc.curation.describe_clusters(
        np.array([5, 5, 5, 2, 2, -1]),
        np.array(["cat", "cat", "dog", "dog", "dog", "cat"]),
    )
    assert {name: column.tolist() for name, column in table.items()} == {
        "cluster": [5, 2],
        "size": [3, 2],
        "label": ["cat", "dog"],
        "purity": [2 / 3, 1.0],
        "recall": [2 / 3, 2 / 3],
    }


ROWS = np.eye(4)


@pytest.mark.parametrize(
    "call, name",
    [
        (lambda c: c.outliers(ROWS[:1]), "embeddings"),
        (lambda c: c.outliers(ROWS * np.nan), "embeddings"),
        (lambda c: c.outliers(ROWS, k=0), "k"),
        (lambda c: c.label_errors(ROWS, [0, 1]), "labels"),
        (lambda c: c.label_errors(ROWS, [1, 1, 1, 1]), "labels"),
        (lambda c: c.caption_errors(ROWS, ROWS[:3]), "image_index"),
        (lambda c: c.caption_errors(ROWS, ROWS[:1], [4]), "image_index"),
        (lambda c: c.caption_errors(ROWS, ROWS[:, :2]), "image_embeddings"),
        (lambda c: c.leaks(ROWS, ROWS, threshold=2), "threshold"),
        (lambda c: c.leaks(ROWS, ROWS[:, :2]), "train_embeddings"),
        (lambda c: c.diverse_subset(ROWS, 5), "size"),
        (lambda c: c.diverse_subset(ROWS, 2, seed=-1), "seed"),
        (lambda c: c.typical_subset(ROWS, 0), "size"),
        (lambda c: c.cluster(ROWS, 5), "num_clusters"),
        (lambda c: c.cluster(ROWS, smallest=1), "smallest"),
        (lambda c: c.describe_clusters([-1, -1], [0, 1]), "clusters"),
        (lambda c: c.describe_clusters([0, 0], [0]), "labels"),
    ],
)
def test_bad_arguments(call, name):
    with pytest.raises(ValueError, match=f"`{name}`.*Received"):
        call(kc.curation)


def test_what_cannot_be_clustered_is_named(rng):
    pytest.importorskip("sklearn", reason="extra `curation`")
    rows = rng.standard_normal((5, 4))
    with pytest.raises(ValueError, match="`smallest` must be at most 5"):
        kc.curation.cluster(rows)
    assert len(kc.curation.cluster(rows, smallest=5)) == 5
    with pytest.raises(ValueError, match="`clusters` must be integers.*<U1"):
        kc.curation.describe_clusters(["a", "b"], [0, 1])
