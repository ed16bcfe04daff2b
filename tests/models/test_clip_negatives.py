"""Texts that are negatives of all images, as in NegCLIP."""

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests import oracles
from tests.models.helpers import END
from tests.models.helpers import TOKENS
from tests.models.helpers import clip
from tests.models.helpers import dual
from tests.models.helpers import encoder
from tests.models.helpers import images_and_texts
from tests.models.helpers import text_encoder
from tests.models.helpers import three_kinds
from tests.models.helpers import to_numpy
from tests.models.helpers import weights_of

IMAGES, TEXTS = images_and_texts(8)
NEGATIVES = images_and_texts(16, seed=1)[1].reshape(8, 2, TOKENS)
IDS = np.array([0, 1, 2, 0, 3, 4, 1, 5], "int32")


def batch(**more):
    return {"images": IMAGES, "texts": TEXTS, **more}


def make(**kwargs):
    keras.utils.set_random_seed(1)
    # Without batch statistics, which depend on who is in a microbatch.
    image_encoder = encoder(batch_norm=False)
    whole = kc.layers.RandomResizedCrop(16, 16, (1, 1), (1, 1))
    return clip(
        image_encoder, keras.optimizers.SGD(1.0), augmenter=whole, **kwargs
    )


@pytest.mark.one_case
@pytest.mark.parametrize("loss", ["clip", "siglip"])
@pytest.mark.parametrize("ids", [None, IDS], ids=["pairs", "image_ids"])
@pytest.mark.parametrize("negatives", [NEGATIVES, NEGATIVES[:, 1]])
def test_the_loss_is_the_formula(loss, ids, negatives):
    model = make(compile={"loss": loss})
    images, texts = (to_numpy(z) for z in model((IMAGES, TEXTS)).values())
    others = to_numpy(model.encode_text(negatives))
    assert others.shape == (*negatives.shape[:-1], 4)
    scale = float(model.logit_scale.scale)
    if loss == "clip":
        rows = oracles.clip_rows(images, texts, scale, ids, others)
    else:
        rows = oracles.siglip_rows(images, texts, scale, -10.0, ids, others)
    more = {} if ids is None else {"image_ids": ids}
    found = model.evaluate(
        batch(negative_texts=negatives, **more),
        batch_size=8,
        return_dict=True,
        verbose=0,
    )
    assert found["loss"] == pytest.approx(rows.mean(), rel=1e-4)


@pytest.mark.one_case
@pytest.mark.parametrize("captions", [1, 2])
def test_microbatches_equal_the_whole(captions):
    texts = TEXTS
    if captions > 1:
        texts = images_and_texts(16, seed=2)[1].reshape(8, captions, TOKENS)
    data = batch(texts=texts, negative_texts=NEGATIVES, image_ids=IDS)
    results = []
    for size in (None, 2):
        model = make(compile={"microbatch_size": size})
        logs = model.train_on_batch(data, return_dict=True)
        results.append((logs["loss"], *weights_of(model)))
    for whole, parts in zip(*results, strict=True):
        np.testing.assert_allclose(whole, parts, rtol=1e-4, atol=1e-5)


def test_several_captions_do_not_repeat_the_negatives():
    model = make()
    texts = np.repeat(TEXTS[:, None], 3, axis=1)
    found = model.evaluate(
        batch(texts=texts, negative_texts=NEGATIVES),
        batch_size=8,
        return_dict=True,
        verbose=0,
    )
    images, texts = (to_numpy(z) for z in model((IMAGES, TEXTS)).values())
    expected = oracles.clip_rows(
        np.repeat(images, 3, axis=0),
        np.repeat(texts, 3, axis=0),
        float(model.logit_scale.scale),
        np.repeat(np.arange(8), 3),
        to_numpy(model.encode_text(NEGATIVES)),
    )
    assert found["loss"] == pytest.approx(expected.mean(), rel=1e-4)


@pytest.mark.one_backend
def test_negatives_train_the_text_encoder():
    """Of words that no other text of the batch has."""
    model = make(text_encoder=text_encoder())
    texts, negatives = np.where(TEXTS > 9, 9, TEXTS), NEGATIVES.copy()
    negatives[..., 2] = 15
    model.fit(batch(texts=texts), batch_size=8, verbose=0)
    table = model.text_encoder.get_layer("embedding").embeddings
    before = to_numpy(table)[15]
    model.fit(batch(texts=texts), batch_size=8, verbose=0)
    np.testing.assert_array_equal(to_numpy(table)[15], before)
    data = batch(texts=texts, negative_texts=negatives)
    model.fit(data, batch_size=8, verbose=0)
    assert np.abs(to_numpy(table)[15] - before).max() > 1e-6


@pytest.mark.one_backend
@pytest.mark.parametrize("kind", [list, np.array])
def test_strings(kind):
    def tokenizer(texts):
        rows = [[1, *map(int, text.split()), END, 0, 0] for text in texts]
        return np.array(rows, "int32")

    numbers = np.random.default_rng(0).integers(3, 20, (8, 2, 2))
    strings = [[f"{a} {b}" for a, b in row] for row in numbers]
    tokens = tokenizer(sum(strings, [])).reshape(8, 2, -1)
    losses = []
    for negatives in (kind(strings), tokens):
        model = make(tokenizer=tokenizer)
        data = batch(texts=tokens[:, 0], negative_texts=negatives)
        losses.append(model.evaluate(data, verbose=0)[0])
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    with pytest.raises(ValueError, match="same number of strings.*1, 2"):
        model.fit(batch(negative_texts=[["3"], *strings[1:]]), verbose=0)
    with pytest.raises(ValueError, match="`negative_texts` must be token ids"):
        make().fit(batch(negative_texts=strings), verbose=0)


@pytest.mark.one_backend
def test_errors():
    model = make(compile={"loss": kc.losses.NTXentLoss()})
    with pytest.raises(ValueError, match="`loss` must take `negative_text_emb"):
        model.fit(batch(negative_texts=NEGATIVES), verbose=0)
    with pytest.raises(ValueError, match="negative_texts of 7 rows"):
        make().fit(batch(negative_texts=NEGATIVES[:7]), verbose=0)
    with pytest.raises(ValueError, match="'image', 'text' and 'ids'"):
        model = dual(("image", "text"))
        data = three_kinds(8)
        del data["sensor"]
        model.fit({**data, "negative_texts": NEGATIVES}, verbose=0)
    unknown = NEGATIVES.copy()
    unknown[3, 1, 2] = 99
    words = kc.models.BagOfWords(20, width=4)
    with pytest.raises(ValueError, match="99"):
        make(text_encoder=words).fit(
            batch(negative_texts=unknown), batch_size=8, verbose=0
        )
