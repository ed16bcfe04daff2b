import numpy as np
import pytest

from keras_contrastive.visualization.scores import Score
from keras_contrastive.visualization.verdict import judge
from keras_contrastive.visualization.verdict import learned
from keras_contrastive.visualization.verdict import shape_of_curve

pytestmark = pytest.mark.one_backend

# In all directions.
HEALTHY = np.random.default_rng(0).normal(size=(200, 64))
LOSS = np.linspace(5, 1, 40)
RECALL = "val_text_to_image_recall@10"


def score(value, count=1000, majority=0.2):
    return Score("knn_accuracy", "class of images", value, 0.1, count, majority)


@pytest.mark.parametrize(
    ("value", "before", "count", "kind", "text"),
    [
        (
            0.6,
            0.3,
            1000,
            "good",
            "It has learned: class of images: 60.0%; 30.0",
        ),
        (0.6, None, 1000, "note", "Better than chance"),
        # Within the error of so few images.
        (0.34, 0.3, 200, "warning", "what one gets before training"),
        (0.25, 0.3, 1000, "warning", "what one gets before training"),
        (0.21, 0.15, 200, "warning", "naming the most frequent class"),
        (0.1, 0.1, 1000, "bad", "No clear sign of learning"),
        (0.6, 0.3, 8, "note", "Too few images to tell"),
        (1.0, 1.0, 1000, "warning", "not clearly better"),
    ],
)
def test_learned(value, before, count, kind, text):
    untrained = {} if before is None else {"knn_accuracy": before}
    finding = learned(score(value, count), untrained)
    assert finding.kind == kind and text in finding.text


def noisy(curve, noise=0.01):
    return curve + np.random.default_rng(0).normal(0, noise, len(curve))


RISE = 0.8 * (1 - np.exp(-np.arange(40) / 3))  # flat since epoch 15 or so


@pytest.mark.parametrize(
    ("curve", "loss", "text"),
    [
        (RISE, LOSS, "“caption finds image, top 10” is flat since"),
        (RISE - np.linspace(0, 0.4, 40), LOSS, "falls after epoch"),
        (np.linspace(0, 0.8, 40), LOSS, "still improved"),
        # The training has come to its end, too.
        (RISE, 5 - 5 * RISE, None),
        (RISE, np.full(40, 2.0), None),
        (RISE[:6], LOSS[:6], None),
    ],
)
def test_shape_of_curve(curve, loss, text):
    finding = shape_of_curve({"loss": loss, RECALL: noisy(curve)})
    if text is None:
        assert finding is None
    else:
        assert text in finding.text


def test_the_epoch_of_the_plateau_skips_epochs_without_a_number():
    values = np.full(80, np.nan)
    values[::2] = noisy(np.minimum(np.arange(40) / 20, 1), 0.002)
    finding = shape_of_curve({"loss": np.linspace(5, 1, 80), RECALL: values})
    epoch = int(finding.text.partition("since epoch ")[2].split(" ")[0])
    assert 35 <= epoch <= 45 and "of 80, near 100%" in finding.text


def test_the_most_important_finding_comes_first():
    loss = np.array([3.0, 2.0, np.nan])
    logs = {"loss": loss, "contrastive_accuracy": np.array([0.1, 0.5, np.nan])}
    findings = judge(logs, [], {}, 1 + 1e-4 * HEALTHY)
    assert [finding.kind for finding in findings] == ["bad", "bad", "note"]
    assert "not finite since epoch 3" in findings[0].text
    assert "nearly the same embedding" in findings[1].text
    assert "in 50.0% of cases, 10.0% in the first" in findings[2].text


@pytest.mark.parametrize(
    ("embeddings", "kinds", "text"),
    [
        (HEALTHY, [], ""),
        # With a large mean in common, like a network that hardly learned.
        (20 + HEALTHY, [], ""),
        (HEALTHY[:, :1] * np.eye(1, 64), ["bad"], "1.0 of 64 dimensions only"),
        (HEALTHY[:, :2] @ np.eye(2, 256), ["warning"], "differ in 2.0 of 256"),
        (HEALTHY[:1], [], ""),
    ],
)
def test_dimensions_in_use(embeddings, kinds, text):
    untrained = {"knn_accuracy": 0.3}
    findings = judge({}, [score(0.6)], untrained, embeddings)
    assert [finding.kind for finding in findings] == [*kinds, "good"]
    assert text in findings[0].text


def test_of_several_recalls_the_steadiest_is_judged():
    scores = [
        Score(f"{way}_recall@{k}", f"{way} {k}", 0.5, k / 100, 500)
        for way in ("text_to_image", "image_to_text")
        for k in (1, 5, 10)
    ]
    (finding,) = judge({}, scores, {}, HEALTHY)
    assert "text_to_image 10" in finding.text
