import pytest

from keras_contrastive.visualization.history_panels import in_order
from keras_contrastive.visualization.metric_names import in_words

pytestmark = pytest.mark.one_backend


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("loss", "loss"),
        ("val_loss", "loss, held out"),
        ("contrastive_accuracy", "views matched (contrastive accuracy)"),
        ("text_to_image_recall@5", "caption finds image, top 5"),
        ("val_image_to_text_recall@1", "image finds caption, top 1, held out"),
        ("audio_to_scene_recall@1", "audio finds scene, top 1"),
        ("my_loss", "my_loss"),
        ("val_own", "val_own"),
    ],
)
def test_in_words(name, words):
    assert in_words(name) == words


def test_curves_are_in_order():
    names = [
        "val_image_to_text_recall@10",
        "val_text_to_image_recall@10",
        "val_image_to_text_recall@1",
        "val_text_to_image_recall@1",
    ]
    assert list(in_order(dict.fromkeys(names))) == [
        "val_image_to_text_recall@1",
        "val_image_to_text_recall@10",
        "val_text_to_image_recall@1",
        "val_text_to_image_recall@10",
    ]
