"""`RetrievalEvaluation` and `ZeroShotEvaluation` inside `fit`."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_contrastive.callbacks import RetrievalEvaluation
from keras_contrastive.callbacks import ZeroShotEvaluation
from keras_contrastive.evaluation import retrieval_recall

NAMES = ["cat", "dog", "cow", "hen"]
# Six images of four classes, and two sentences about each image.
LABELS = np.array([0, 1, 2, 3, 0, 1])
IMAGES = np.eye(4, dtype="float32")[LABELS]
IMAGES[4:, 3] = 0.5
TEXTS = np.array([0, 0, 1, 1, 2, 2, 3, 3, 0, 1, 1, 1])[:, None]
IMAGE_INDEX = np.repeat(np.arange(6), 2)


class Towers(keras.Model):
    """Two layers that start as the identity; `predict` as `CLIPModel`'s."""

    def __init__(self):
        super().__init__()
        self.image_layer = keras.layers.Dense(4, kernel_initializer="identity")
        self.dropout = keras.layers.Dropout(0.5)
        self.text_layer = keras.layers.Embedding(4, 4, "identity")
        self.traces = []

    def call(self, inputs, training=False):
        self.traces.append(sorted(inputs))
        outputs = {}
        if "images" in inputs:
            images = self.dropout(inputs["images"], training=training)
            outputs["image_embeddings"] = self.image_layer(images)
        if "texts" in inputs:
            texts = self.text_layer(inputs["texts"])
            outputs["text_embeddings"] = ops.mean(texts, axis=1)
        return outputs

    def compute_loss(
        self, x, y=None, y_pred=None, sample_weight=None, training=True
    ):
        difference = y_pred["image_embeddings"] - y_pred["text_embeddings"]
        return ops.mean(ops.square(difference))


def tokenizer(texts):
    words = [text.strip(".").split()[-1] for text in texts]
    return np.array([[NAMES.index(word)] for word in words])


def make_callback(cls, **changes):
    if cls is RetrievalEvaluation:
        arguments = {
            "images": IMAGES,
            "texts": TEXTS,
            "image_index": IMAGE_INDEX,
            "ks": (1, 2),
        }
    else:
        arguments = {
            "images": IMAGES,
            "labels": LABELS,
            "class_names": NAMES,
            "tokenizer": tokenizer,
            "templates": ["a {}", "the {}."],
        }
    return cls(**{**arguments, **changes})


def fit(callbacks, epochs=1, learning_rate=0.0):
    keras.utils.set_random_seed(0)
    model = Towers()
    model.compile(keras.optimizers.SGD(learning_rate))
    history = model.fit(
        {"images": IMAGES, "texts": TEXTS[::2]},
        batch_size=3,
        epochs=epochs,
        callbacks=callbacks,
        verbose=0,
    )
    return model, history.history


def test_values_by_hand():
    """With the identity, similarities are those of the vectors above.

    Images 4 and 5 still are nearest to their own classes, 0 and 1. There are
    three texts of class 0, one of them of image 4, whose other text is of
    class 1, and five texts of class 1, two of them of image 5.
    """
    _, history = fit(
        [
            make_callback(RetrievalEvaluation),
            make_callback(ZeroShotEvaluation),
            make_callback(
                ZeroShotEvaluation, labels=LABELS[::-1], name="wrong"
            ),
        ]
    )
    assert history["zero_shot_accuracy"] == [1.0]
    assert history["wrong"] == [0.0]
    # Images 2 and 3 are sure of theirs; the others' tie with texts of others.
    assert history["val_image_to_text_recall@1"] == [2 / 6]
    # Image 0 has two of three texts of class 0.
    assert history["val_image_to_text_recall@2"] == [3 / 6]
    # Images 0 to 3 are nearer to texts of their classes than 4 and 5 are.
    assert history["val_text_to_image_recall@1"] == [8 / 12]
    assert history["val_text_to_image_recall@2"] == [11 / 12]


both = pytest.mark.parametrize("cls", [RetrievalEvaluation, ZeroShotEvaluation])


@pytest.mark.one_case
@both
def test_training_is_untouched_and_the_schedule_kept(cls):
    callback = make_callback(cls, every_n_epochs=2)
    plain, plain_history = fit([], epochs=5, learning_rate=0.1)
    watched, history = fit([callback], epochs=5, learning_rate=0.1)
    assert history["loss"] == plain_history["loss"]
    for a, b in zip(plain.variables, watched.variables, strict=True):
        np.testing.assert_array_equal(*map(ops.convert_to_numpy, (a, b)))
    assert set(callback.names) == set(history) - set(plain_history)
    for name in callback.names:
        np.testing.assert_array_equal(np.isnan(history[name]), [1, 0, 1, 0, 0])
    if cls is RetrievalEvaluation:
        recalls = retrieval_recall(
            watched.predict({"images": IMAGES}, verbose=0)["image_embeddings"],
            watched.predict({"texts": TEXTS}, verbose=0)["text_embeddings"],
            IMAGE_INDEX,
            ks=(1, 2),
        )
        assert {n: history[f"val_{n}"][-1] for n in recalls} == recalls


def test_prefix_and_dicts_of_arrays():
    callback = make_callback(RetrievalEvaluation, prefix="test_", ks=[3])
    assert callback.names == (
        "test_image_to_text_recall@3",
        "test_text_to_image_recall@3",
    )
    tokens = {"token_ids": TEXTS, "padding_mask": TEXTS >= 0}
    assert len(make_callback(RetrievalEvaluation, texts=tokens).names) == 4


def test_does_not_trace_the_model_anew_at_each_evaluation():
    if keras.backend.backend() == "torch":
        pytest.skip("about compiled steps; PyTorch runs every step eagerly")

    def count(epochs):
        callbacks = [
            make_callback(RetrievalEvaluation),
            make_callback(ZeroShotEvaluation),
        ]
        model, _ = fit(callbacks, epochs=epochs)
        return len(model.traces)

    assert count(2) == count(1)


@pytest.mark.parametrize(
    ("cls", "change", "message"),
    [
        (RetrievalEvaluation, {"image_index": [0, 1]}, "`image_index`"),
        (RetrievalEvaluation, {"image_index": [0] * 12}, "`image_index`.*none"),
        (RetrievalEvaluation, {"texts": ["a cat"] * 12}, "`texts`.*list"),
        (RetrievalEvaluation, {"ks": [0]}, "`ks`"),
        (RetrievalEvaluation, {"every_n_epochs": 0}, "`every_n_epochs`"),
        (ZeroShotEvaluation, {"images": [IMAGES, 3]}, "`images`.*list"),
        (ZeroShotEvaluation, {"labels": LABELS[1:]}, r"`labels`.*\(6,\)"),
        (
            ZeroShotEvaluation,
            {"labels": LABELS + 1},
            "`labels`.*0 to 3.*4",
        ),
        (ZeroShotEvaluation, {"labels": np.array(["cat"] * 6)}, "`labels`"),
        (ZeroShotEvaluation, {"class_names": "cat"}, "`class_names`"),
        (ZeroShotEvaluation, {"tokenizer": None}, "`tokenizer`"),
        (ZeroShotEvaluation, {"templates": ["cat"]}, "`templates`"),
    ],
)
def test_bad_arguments_are_refused_before_training(cls, change, message):
    with pytest.raises(ValueError, match=message):
        make_callback(cls, **change)
