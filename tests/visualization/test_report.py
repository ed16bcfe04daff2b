import re

import numpy as np
import pytest

import keras_contrastive as kc
from tests.encoders.marks import slow_on_jax

pytest.importorskip("matplotlib")

pytestmark = pytest.mark.one_backend


def headings(page):
    return re.findall("<h2>([^<]*)</h2>", page)


@slow_on_jax
def test_clip_report_is_self_contained(tmp_path):
    pytest.importorskip("tokenizers")
    data = kc.datasets.shapes(24, image_size=16)
    captions = [*data.captions[:-1], "<script> & a dollar $"]
    tokenizer = kc.text.train_tokenizer(captions, 300, context_length=16)
    model = kc.CLIPModel(
        kc.models.ConvNet(width=4, num_stages=1, input_shape=(16, 16, 3)),
        kc.models.BagOfWords(tokenizer.vocabulary_size, width=8),
        projection_dim=8,
    )
    model.compile()
    path = kc.visualization.report(
        model,
        data.images,
        tmp_path / "new" / "report.html",
        {"loss": [2.0, 1.0], "logit_scale": [14.0, 15.0]},
        labels=data.labels,
        class_names=[f"${name}_{{$" for name in data.class_names],
        captions=captions,
        tokenizer=tokenizer,
        settings={"folder": "a<b", "half": "\udc80", "rate": np.float32(0.001)},
        title="Shapes & words",
    )
    page = path.read_text()
    assert headings(page) == [
        "Numbers",
        "Training",
        "Views",
        "Embeddings",
        "Embeddings, with their images",
        "Similarity of images and captions",
        "Images that captions find",
        "Captions that images find",
        "Settings",
    ]
    assert page.count("<img ") == 7
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert "a&lt;b" in page and "Shapes &amp; words" in page
    assert '<td>loss, last epoch</td><td class="number">1</td>' in page
    assert "text_to_image_recall@10" in page
    assert "color-scheme: light dark" in page


def test_captions_need_a_tokenizer(tmp_path):
    encoder = kc.models.ConvNet(width=4, num_stages=1, input_shape=(16, 16, 3))
    with pytest.raises(ValueError, match="`captions` need a model"):
        kc.visualization.report(
            kc.SimCLRModel(encoder),
            np.zeros((4, 16, 16, 3), "uint8"),
            tmp_path / "report.html",
            captions=["a"] * 4,
        )
