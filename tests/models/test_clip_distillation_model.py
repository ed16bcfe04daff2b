"""What CLIPDistillationModel adds to CLIPModel: a teacher's similarities."""

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests import oracles
from tests.models.helpers import SIZE
from tests.models.helpers import TOKENS
from tests.models.helpers import clip
from tests.models.helpers import encoder
from tests.models.helpers import images_and_texts
from tests.models.helpers import text_encoder
from tests.models.helpers import to_numpy
from tests.models.helpers import weights_of

IMAGES, TEXTS = images_and_texts(8)
IMAGES = IMAGES.astype("float32") / 255
DATA = {"images": IMAGES, "texts": TEXTS}
LOGS = {
    "loss",
    "clip_loss",
    "distillation_loss",
    "image_to_text_recall@1",
    "text_to_image_recall@1",
    "logit_scale",
}


def whole(size=SIZE):
    """Crops of the whole image: the same for both, without a draw."""
    return kc.layers.RandomResizedCrop(size, size, (1, 1), (1, 1))


def teacher():
    """Trained elsewhere, with embeddings of another width and scale."""
    keras.utils.set_random_seed(7)
    return clip(
        encoder(batch_norm=False),
        augmenter=whole(),
        logit_scale=kc.layers.LogitScale(0.2),
    )


def make(compile=None, **kwargs):
    keras.utils.set_random_seed(1)
    kwargs.setdefault("augmenter", whole())
    model = kc.CLIPDistillationModel(
        encoder(batch_norm=False),
        kwargs.pop("text_encoder", None) or text_encoder(),
        projection_dim=3,
        **kwargs,
    )
    eager = {"run_eagerly": keras.backend.backend() == "tensorflow"}
    model.compile(keras.optimizers.SGD(0.5), **{**eager, **(compile or {})})
    return model


def embeddings_of(model, data=DATA):
    return [to_numpy(z) for z in model(data).values()]


@pytest.mark.parametrize("temperature, expected", [(None, 0.2), (0.1, 0.1)])
def test_the_loss_is_the_formula(temperature, expected):
    model = make(
        teacher=teacher(),
        teacher_temperature=temperature,
        distillation_weight=0.6,
    )
    student = embeddings_of(model)
    scale = float(model.logit_scale.scale)
    clip_loss = 0.4 * oracles.clip_rows(*student, scale).mean()
    distillation_loss = (
        0.6
        * oracles.clip_distillation_rows(
            *student, *embeddings_of(model.teacher), scale, expected
        ).mean()
    )
    logs = model.evaluate(DATA, batch_size=8, verbose=0, return_dict=True)
    assert set(logs) == LOGS
    assert logs["clip_loss"] == pytest.approx(clip_loss, rel=1e-4)
    assert logs["distillation_loss"] == pytest.approx(
        distillation_loss, rel=1e-3
    )
    assert logs["loss"] == pytest.approx(
        clip_loss + distillation_loss, rel=1e-4
    )


@pytest.mark.one_backend
def test_the_student_learns_and_the_teacher_stays(tmp_path):
    model = make(teacher=teacher(), distillation_weight=1.0)
    frozen = [to_numpy(v) for v in model.teacher.weights]
    assert not model.teacher.trainable_variables
    model.trainable = True
    assert not model.teacher.trainable_variables
    logs = model.fit(
        DATA, epochs=30, batch_size=8, validation_data=DATA, verbose=0
    ).history
    assert logs["distillation_loss"][-1] < 0.5 * logs["distillation_loss"][0]
    assert logs["val_distillation_loss"][-1] < logs["distillation_loss"][0]
    for before, variable in zip(frozen, model.teacher.weights, strict=True):
        np.testing.assert_array_equal(before, to_numpy(variable))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.distillation_weight == 1
    for ours, theirs in (
        (model, again),
        (model.teacher, again.teacher),
        (model, model.clip_model()),
    ):
        for one, other in zip(
            embeddings_of(ours), embeddings_of(theirs), strict=True
        ):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
    assert type(model.clip_model()) is kc.CLIPModel


def test_given_embeddings_are_those_of_the_teacher():
    """With several captions of an image, and in microbatches."""
    texts = images_and_texts(16)[1].reshape(8, 2, TOKENS)
    data = {"images": IMAGES, "texts": texts}
    inside = make(teacher=teacher())
    images, texts = embeddings_of(inside.teacher, data)
    assert texts.shape == (8, 2, 4)
    given = {
        **data,
        "teacher_image_embeddings": images,
        "teacher_text_embeddings": texts,
    }
    results = []
    for model, x in (
        (inside, data),
        (make(teacher=teacher(), compile={"microbatch_size": 2}), data),
        (make(teacher_temperature=0.2), given),
        (
            make(teacher_temperature=0.2, compile={"microbatch_size": 2}),
            given,
        ),
    ):
        logs = model.train_on_batch(x, return_dict=True)
        losses = [logs["clip_loss"], logs["distillation_loss"]]
        results.append([*losses, *weights_of(model)])
    for result in results[1:]:
        for one, other in zip(results[0], result, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.one_backend
def test_the_teacher_resizes_the_images():
    large = kc.CLIPModel(
        kc.models.ConvNet(2, 1, (24, 24, 3)), text_encoder(), 4, whole(24)
    )
    large.build_from_encoders()
    model = make(teacher=large)
    assert np.isfinite(model.fit(DATA, verbose=0).history["loss"]).all()


@pytest.mark.one_backend
def test_errors():
    with pytest.raises(ValueError, match="`distillation_weight` must be in"):
        make(distillation_weight=2)
    with pytest.raises(ValueError, match="`teacher` must be a CLIPModel that"):
        make(teacher=encoder())
    with pytest.raises(ValueError, match="`teacher` must be a CLIPModel that"):
        make(teacher=kc.CLIPModel(encoder(), text_encoder(), 4))
    other = clip(
        augmenter=kc.layers.RandomResizedCrop(SIZE, SIZE, value_range=(0, 255))
    )
    with pytest.raises(ValueError, match="`value_range` of the student"):
        make(teacher=other)
    given = {
        **DATA,
        "teacher_image_embeddings": np.ones((8, 4), "float32"),
        "teacher_text_embeddings": np.ones((8, 4), "float32"),
    }
    with pytest.raises(ValueError, match="a teacher must not have"):
        make(teacher=teacher()).fit(given, verbose=0)
    with pytest.raises(ValueError, match="no teacher must come with"):
        make().fit(DATA, verbose=0)
    given["teacher_text_embeddings"][3] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        make().fit(given, batch_size=8, verbose=0)
