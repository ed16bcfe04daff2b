import json
import re
import warnings

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests.encoders.marks import slow_on_jax

pytest.importorskip("matplotlib")

pytestmark = pytest.mark.one_backend


def headings(page):
    return re.findall("<h2>([^<]*)</h2>", page)


@pytest.fixture(scope="module")
def clip():
    pytest.importorskip("tokenizers")
    data = kc.datasets.shapes(24, image_size=16)
    captions = ["<script> & a dollar $", *data.captions[1:]]
    tokenizer = kc.text.train_tokenizer(captions, 300, context_length=16)
    model = kc.CLIPModel(
        kc.models.ConvNet(width=4, num_stages=1, input_shape=(16, 16, 3)),
        kc.models.BagOfWords(tokenizer.vocabulary_size, width=8),
        projection_dim=8,
        tokenizer=tokenizer,
    )
    model.compile()
    return model, data, captions


@slow_on_jax
def test_clip_report_is_self_contained(clip, tmp_path):
    model, data, captions = clip
    path = kc.visualization.report(
        model,
        data.images,
        tmp_path / "new" / "report.html",
        {"loss": [2.0, 1.0], "logit_scale": [14.0, 15.0]},
        labels=data.labels,
        class_names=[f"${name}_{{$" for name in data.class_names],
        captions=captions,
        tokenizer=model.tokenizer,
        settings={"folder": "a<b", "half": "\udc80", "rate": np.float32(0.001)},
        title="Shapes & words",
        interactive=False,
    )
    page = path.read_text()
    assert headings(page) == [
        "Verdict",
        "Nearest neighbors",
        "Images that captions find",
        "Captions that images find",
        "Map",
        "Training",
        "Views",
        "Numbers of the last epoch",
        "Settings",
    ]
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    assert "a&lt;b" in page and "Shapes &amp; words" in page
    assert "&lt;script&gt;" in page and "<script" not in page
    assert '<td>loss</td><td class="number">1</td>' in page
    assert "captions with their image among the first 10 of 24" in page
    assert "prefers-color-scheme: dark" in page
    assert "24 images, 20" in page


def map_of(page):
    return json.loads(re.search(r'id="map-data">(.*?)</script>', page)[1])


@slow_on_jax
def test_a_map_with_a_search(clip, tmp_path):
    pytest.importorskip("plotly")
    model, data, captions = clip
    # The tokenizer is that of the model.
    path = kc.visualization.report(
        model, data.images, tmp_path / "report.html", captions=captions
    )
    content = map_of(path.read_text())
    assert content["sentences"][-1] == captions[-1]
    assert len(content["found"]) == len(content["sentences"])
    assert content["texts"] == captions
    names = [column["name"] for column in content["columns"]]
    assert "loss of its captions" in names


@pytest.fixture(scope="module")
def trained():
    data = kc.datasets.shapes(24, image_size=16, label="color")
    model = kc.SimCLRModel(
        kc.models.ConvNet(width=4, num_stages=1, input_shape=(16, 16, 3))
    )
    model.compile()
    return model, data


def test_names_originals_and_numbers_before_training(trained, tmp_path):
    model, data = trained
    read = []

    def original(index):
        read.append(index)
        return np.full((80, 100, 3), 7 * index, "uint8")

    page = kc.visualization.report(
        model,
        data.images,
        tmp_path / "report.html",
        {"loss": [3.0]},
        names=[f"<b>{i}.png" for i in range(24)],
        originals=original,
        title="run-7",
        summary="24 images of <folder>",
        interactive=False,
    ).read_text()
    assert "<h1>run-7</h1>" in page and "24 images of &lt;folder&gt;" in page
    # Six rows of an image and its five neighbors.
    assert len(read) == page.count("image/jpeg") == 36
    assert set(read[::6]) == {0, 4, 8, 12, 16, 20}
    assert all(len(set(read[i : i + 6])) == 6 for i in range(0, 36, 6))
    assert "&lt;b&gt;0.png" in page and "<b>" not in page
    assert "no number can say whether" in page

    page = kc.visualization.report(
        model,
        data.images,
        tmp_path / "report.html",
        labels=data.labels,
        untrained={"knn_accuracy": 0.123},
    ).read_text()
    assert "12.3% before training" in page and "<td>12.3%</td>" in page
    assert "Training" not in headings(page)
    with pytest.raises(ValueError, match="`names` must have one entry for"):
        kc.visualization.report(
            model, data.images, tmp_path / "report.html", names=["one"]
        )


def test_interactive_map(trained, tmp_path):
    pytest.importorskip("plotly")
    model, data = trained
    page = kc.visualization.report(
        model,
        data.images,
        tmp_path / "report.html",
        columns={"own numbers": np.arange(24.0)},
    ).read_text()
    assert "Map" in headings(page)
    content = map_of(page)
    assert content["names"] == [f"image {i}" for i in range(24)]
    assert "own numbers" in [each["name"] for each in content["columns"]]
    assert len(content["neighbors"]) == 24 and "sentences" not in content
    assert "default-src 'none'" in page


def test_a_collapsed_run_whose_loss_was_never_finite(trained, tmp_path):
    pytest.importorskip("sklearn")
    _, data = trained
    encoder = keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            keras.layers.Flatten(),
            keras.layers.Dense(4, kernel_initializer="zeros"),
        ]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        page = kc.visualization.report(
            kc.SimCLRModel(encoder),
            data.images,
            tmp_path / "report.html",
            {"loss": [np.nan, np.nan]},
            labels=data.labels,
        ).read_text()
    assert "It has collapsed" in page
    assert "the loss is not finite since epoch 1" in page
    assert '<td>loss</td><td class="number">nan</td>' in page
    positions = {x for each in map_of(page)["layouts"] for x in each["x"]}
    assert positions == {0}


def test_one_image_has_neither_map_nor_neighbors(trained, tmp_path):
    model, data = trained
    path = kc.visualization.report(
        model, data.images[:1], tmp_path / "report.html", labels=[0]
    )
    assert headings(path.read_text()) == [
        "Verdict",
        "Views",
        "Numbers of the last epoch",
    ]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros((24, 1), int), "`labels` must be integers of shape"),
        (["a"] * 24, "`labels` must be integers of shape"),
        (np.arange(24) - 1, "`labels` must not be negative"),
        ([0, 1], "`labels` must have one entry for each of the 24"),
        (np.arange(24), "`class_names` must name every class up to 23"),
    ],
)
def test_labels_must_fit(trained, tmp_path, labels, message):
    model, data = trained
    with pytest.raises(ValueError, match=message):
        kc.visualization.report(
            model,
            data.images,
            tmp_path / "report.html",
            labels=labels,
            class_names=["a", "b"],
        )


def test_captions_need_a_tokenizer(tmp_path):
    encoder = kc.models.ConvNet(width=4, num_stages=1, input_shape=(16, 16, 3))
    with pytest.raises(ValueError, match="`captions` need a model"):
        kc.visualization.report(
            kc.SimCLRModel(encoder),
            np.zeros((4, 16, 16, 3), "uint8"),
            tmp_path / "report.html",
            captions=["a"] * 4,
        )
