"""`RetrievalRecall` against a full sort, and where it must not be fooled."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_contrastive.losses import key_blocks
from keras_contrastive.metrics import RetrievalRecall
from tests.oracles import normalize

DIRECTIONS = ("image_to_text", "text_to_image")


def slow_recall(images, texts, k, direction):
    similarity = (
        normalize(images.astype("float64"))
        @ normalize(texts.astype("float64")).T
    )
    if direction == "text_to_image":
        similarity = similarity.T
    top = np.argsort(-similarity, axis=1)[:, :k]
    return np.mean([i in row for i, row in enumerate(top)])


def make_pairs(rng, batch=12, dim=5):
    images = rng.standard_normal((batch, dim)) * 3
    texts = images + rng.standard_normal((batch, dim)) * 4
    return images.astype("float32"), texts.astype("float32")


def value(images, texts, k=1, direction="image_to_text", **kwargs):
    metric = RetrievalRecall(k, direction)
    metric.update_state(images, texts, **kwargs)
    return float(metric.result())


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize(("block_size", "k"), [(1024, 1), (7, 3), (1, 2)])
def test_equals_a_full_sort_for_any_block(
    direction, block_size, k, rng, monkeypatch
):
    monkeypatch.setattr(key_blocks, "CPU_BLOCK", (1, block_size))
    images, texts = make_pairs(rng)
    expected = slow_recall(images, texts, k, direction)
    assert k / 12 < expected < 1
    np.testing.assert_allclose(value(images, texts, k, direction), expected)


def test_directions_differ():
    # Both texts are nearest to image 0, and each image to its own text.
    images = np.array([[1.0, 0.0], [0.0, 1.0]])
    texts = np.array([[1.0, 0.1], [1.0, 0.9]])
    assert value(images, texts, direction="image_to_text") == 1.0
    assert value(images, texts, direction="text_to_image") == 0.5


@pytest.mark.parametrize("scale", [0.0, 1.0, 1e4])
def test_collapsed_embeddings_find_nothing(scale, rng):
    z = np.repeat(scale * rng.standard_normal((1, 8)), 40, axis=0)
    assert value(z, z, 39) == 0.0


def test_all_candidates_contain_the_partner():
    z = np.ones((12, 5))
    assert value(z, z, 12, "text_to_image") == 1.0


def test_a_tie_is_behind(rng):
    z = rng.standard_normal((12, 5)).astype("float32")
    z[1] = z[0]
    np.testing.assert_allclose(value(z, z, 1), 10 / 12)
    assert value(z, z, 2) == 1.0


def test_nan_finds_nothing(rng):
    z = rng.standard_normal((12, 5)).astype("float32")
    z[3] = np.nan
    assert value(z, z) == 0.0  # row 3 stands before everyone's own
    np.testing.assert_allclose(value(z, z, 2), 11 / 12)


def test_sample_weight_and_batches(rng):
    z = np.eye(4, dtype="float32")
    swapped = z[[0, 1, 3, 2]]
    weight = np.array([3.0, 1.0, 1.0, 3.0])
    assert value(z, swapped, sample_weight=weight) == 0.5
    metric = RetrievalRecall()
    metric.update_state(z, swapped)
    metric.update_state(z[:2], z[:2])
    np.testing.assert_allclose(float(metric.result()), 4 / 6)


def test_half_precision_is_compared_in_float32(rng):
    keras.config.set_dtype_policy("mixed_float16")
    # In float16 the squared norm overflows at 256.
    images, texts = (z.astype("float16") * 100 for z in make_pairs(rng))
    expected = slow_recall(images, texts, 1, "image_to_text")
    np.testing.assert_allclose(value(images, texts), expected)


def test_inside_a_compiled_step(rng):
    images, texts = make_pairs(rng)
    metric = RetrievalRecall(3, "text_to_image")
    if keras.backend.backend() == "jax":
        import jax

        state = jax.jit(metric.stateless_update_state)(
            [v.value for v in metric.variables], images, texts
        )
        result = metric.stateless_result(state)
    elif keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.function(metric.update_state, jit_compile=True)(images, texts)
        # The batch size is unknown, as where a data set's last batch is short.
        unknown = tf.TensorSpec((None, 5))
        tf.function(metric.update_state, [unknown, unknown])(images, texts)
        result = metric.result()
    else:
        inputs = [ops.convert_to_tensor(z) for z in (images, texts)]
        metric.update_state(*(z.requires_grad_() for z in inputs))
        result = metric.result()
        assert not result.requires_grad
    np.testing.assert_allclose(
        float(result), slow_recall(images, texts, 3, "text_to_image")
    )


def test_names_and_config():
    metric = RetrievalRecall(5, "text_to_image")
    assert metric.name == "text_to_image_recall@5"
    config = keras.saving.serialize_keras_object(metric)
    copy = keras.saving.deserialize_keras_object(config)
    assert (copy.k, copy.direction) == (5, "text_to_image")
    assert copy.name == metric.name
    assert RetrievalRecall(name="mine").name == "mine"


@pytest.mark.parametrize("to", ["audio_to_text", "text_to_audio"])
def test_other_modalities(to, rng):
    sounds, texts = make_pairs(rng)
    metric = RetrievalRecall(1, to, modalities=("audio", "text"))
    assert metric.name == f"{to}_recall@1"
    metric.update_state(sounds, texts)
    same = to.replace("audio", "image")
    expected = slow_recall(sounds, texts, 1, same)
    np.testing.assert_allclose(float(metric.result()), expected)
    assert RetrievalRecall(modalities=("a", "b")).direction == "a_to_b"
    with pytest.raises(ValueError, match="`audio_embeddings` and `text_emb"):
        metric.update_state(sounds, texts[:3])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 0}, "`k`.*0"),
        ({"k": 1.5}, "`k`.*1.5"),
        ({"direction": "both"}, "`direction`.*both"),
        (
            {"modalities": ("audio", "text"), "direction": "image_to_text"},
            "must be one of 'audio_to_text', 'text_to_audio'.*image_to_text",
        ),
        ({"modalities": ("audio", "audio")}, "`modalities`.*'audio'"),
        ({"modalities": "audio"}, "`modalities`.*'audio'"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        RetrievalRecall(**arguments)


def test_bad_shapes_are_refused():
    metric = RetrievalRecall()
    with pytest.raises(ValueError, match="`image_embeddings` and `text_emb"):
        metric.update_state(np.ones((3, 2)), np.ones((4, 2)))
    with pytest.raises(ValueError, match=r"\(batch, dim\)"):
        metric.update_state(np.ones(3), np.ones(3))
