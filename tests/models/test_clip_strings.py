"""Strings as texts of a `CLIPModel` with a tokenizer."""

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests.models.helpers import END
from tests.models.helpers import TOKENS
from tests.models.helpers import clip
from tests.models.helpers import images_and_texts
from tests.models.helpers import to_numpy


def tokenizer(texts):
    """The numbers in a text as its tokens."""
    assert all(isinstance(text, str) for text in texts)
    rows = [[1, *map(int, text.split()), END] for text in texts]
    return np.array(
        [row + [0] * (TOKENS - len(row)) for row in rows], dtype="int32"
    )


def images_and_captions(n=16):
    images, _ = images_and_texts(n)
    return images, [f"{3 + i % 4} {7 + i % 5}" for i in range(n)]


def test_no_texts_have_no_embeddings():
    model = clip(tokenizer=tokenizer)
    for none in ([], ()):
        assert to_numpy(model.encode_text(none)).shape == (0, 4)


@pytest.mark.one_case
@pytest.mark.parametrize("kind", [list, np.array, "dict", "objects"])
def test_every_entry_takes_strings_as_it_takes_tokens(kind):
    images, captions = images_and_captions()
    tokens = tokenizer(captions)
    if kind == "dict":
        given = ({"images": images, "texts": captions},)
        ids = ({"images": images, "texts": tokens},)
    else:
        as_kind = {"objects": lambda texts: np.array(texts, dtype=object)}.get(
            kind, kind
        )
        given, ids = (images, as_kind(captions)), (images, tokens)

    def run(model, data):
        keras.utils.set_random_seed(3)
        validation = data if len(data) == 2 else data[0]
        history = model.fit(
            *data,
            batch_size=8,
            shuffle=False,
            verbose=0,
            validation_data=validation,
        ).history
        return (
            [*history["loss"], *history["val_loss"]],
            model.evaluate(*data, batch_size=8, verbose=0),
            model.train_on_batch(*data),
            model.test_on_batch(*data),
        )

    keras.utils.set_random_seed(1)
    model = clip(tokenizer=tokenizer)
    keras.utils.set_random_seed(1)
    other = clip()
    for ours, theirs in zip(run(model, given), run(other, ids), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_embeds_strings():
    model = clip(tokenizer=tokenizer)
    expected = to_numpy(model.encode_text(tokenizer(["3 4", "5 6"])))
    texts = {"texts": ["3 4", "5 6"]}
    for embeddings in (
        model.encode_text(["3 4", "5 6"]),
        model.encode_text(np.array(["3 4", "5 6"])),
        model.encode_text([b"3 4", b"5 6"]),
        model(texts)["text_embeddings"],
        model.predict(texts, verbose=0)["text_embeddings"],
        model.predict_on_batch(texts)["text_embeddings"],
    ):
        np.testing.assert_allclose(to_numpy(embeddings), expected, atol=1e-6)
    for rows in ([["3 4", "5 6"]], np.array([["3 4", "5 6"]])):
        several = to_numpy(model.encode_text(rows))
        np.testing.assert_allclose(several, expected[None], atol=1e-6)
    one = to_numpy(model.encode_text("3 4"))
    np.testing.assert_allclose(one, expected[:1], atol=1e-6)


def test_says_how_to_use_strings():
    model = clip()
    for call in (
        lambda: model.encode_text("a red star"),
        lambda: model({"texts": ["a red star"]}),
        lambda: model.predict({"texts": ["a red star"]}, verbose=0),
        lambda: model.fit(*images_and_captions(), verbose=0),
    ):
        with pytest.raises(
            ValueError, match="`texts` must be token ids.*Model"
        ):
            call()
    with pytest.raises(ValueError, match="`tokenizer` must be a callable"):
        clip(tokenizer="bpe")


class Captions(keras.utils.PyDataset):
    """Batches of images with their captions as strings."""

    def __len__(self):
        return 2

    def __getitem__(self, i):
        images, captions = images_and_captions(8)
        return {"images": images, "texts": np.array(captions)}


def of_tensorflow():
    tf = pytest.importorskip("tensorflow")
    data = tf.data.Dataset.from_tensor_slices(tuple(images_and_captions()))
    return data.batch(8)


def of_torch():
    utils = pytest.importorskip("torch").utils.data
    pairs = list(zip(*images_and_captions(), strict=True))
    return utils.DataLoader(pairs, batch_size=8)


@pytest.mark.parametrize("make", [of_tensorflow, of_torch, Captions])
def test_refuses_datasets_of_strings(make):
    data = make()
    model = clip(tokenizer=tokenizer)
    for call in (
        lambda: model.predict(data, verbose=0),
        lambda: model.fit(data, verbose=0),
        lambda: model.evaluate(data, verbose=0),
        lambda: model.fit(
            *images_and_captions(), validation_data=data, verbose=0
        ),
    ):
        with pytest.raises(ValueError, match="dataset with strings"):
            call()


def test_a_tokenizer_of_captions_is_in_the_file(tmp_path):
    pytest.importorskip("tokenizers")
    captions = ["a red star", "a blue ring", "two green stars"]
    vocabulary = kc.text.train_tokenizer(captions, 300, context_length=8)
    encoder = kc.models.BagOfWords(vocabulary.vocabulary_size, width=8)
    model = clip(text_encoder=encoder, tokenizer=vocabulary)
    model.save(tmp_path / "model.keras")
    restored = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(
        to_numpy(restored.encode_text(captions)),
        to_numpy(model.encode_text(vocabulary(captions))),
        atol=1e-6,
    )


def test_warns_of_a_tokenizer_that_is_not_saved(tmp_path):
    model = clip(tokenizer=tokenizer)
    with pytest.warns(UserWarning, match="Set `model.tokenizer` after loading"):
        model.save(tmp_path / "model.keras")
    restored = keras.models.load_model(tmp_path / "model.keras")
    assert restored.tokenizer is None
    restored.tokenizer = tokenizer
    assert restored.encode_text("3 4").shape[0] == 1


def test_the_first_error_stays_where_no_batch_can_be_read():
    class Broken(keras.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, i):
            raise ValueError("no such file")

    model = clip(tokenizer=tokenizer)
    for call in (model.fit, model.evaluate, model.predict):
        with pytest.raises(ValueError, match="no such file"):
            call(Broken(), verbose=0)
