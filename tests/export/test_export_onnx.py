"""Exported encoders and towers give the numbers of `predict`."""

import keras
import numpy as np
import pytest

import keras_contrastive as kc

BACKEND = keras.backend.backend()
END = 4


def images(rng):
    return rng.uniform(size=(3, 16, 16, 3)).astype("float32")


def texts(rng):
    tokens = rng.integers(5, 32, size=(3, 6)).astype("int32")
    tokens[:, 4] = END
    return tokens


def simclr_encoder():
    encoder = keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            kc.models.ConvNet(4, num_stages=1, input_shape=(16, 16, 3)),
            kc.layers.Dropout(0.5),
        ]
    )
    return kc.SimCLRModel(encoder).encoder


def clip():
    return kc.CLIPModel(
        kc.models.VisionTransformer(
            8, 16, 1, 2, input_shape=(16, 16, 3), patch_dropout=0.5
        ),
        kc.models.TextTransformer(32, END, 6, 16, 1, 2),
        projection_dim=8,
    )


def image_tower():
    inputs = keras.Input((16, 16, 3), name="images")
    return keras.Model(inputs, clip().encode_image(inputs))


def text_tower():
    inputs = keras.Input((6,), dtype="int32", name="tokens")
    return keras.Model(inputs, clip().encode_text(inputs))


MODELS = pytest.mark.parametrize(
    "make, data",
    [(simclr_encoder, images), (image_tower, images), (text_tower, texts)],
    ids=["simclr encoder", "image tower", "text tower"],
)


CONVERTERS = {
    "tensorflow": "tf2onnx",
    "jax": "jax2onnx",
    "torch": "onnxscript",
}


def import_onnx_runtime():
    pytest.importorskip(CONVERTERS[BACKEND])
    return pytest.importorskip("onnxruntime")


def trained(model, rng):
    # No zero biases, nor unit variances.
    model.set_weights(
        [rng.uniform(0.1, 0.5, size=w.shape) for w in model.get_weights()]
    )
    return model


@MODELS
def test_onnx(make, data, rng, tmp_path):
    runtime = import_onnx_runtime()
    model, inputs = trained(make(), rng), data(rng)
    path = tmp_path / "model.onnx"
    kc.models.export_onnx(model, path)
    session = runtime.InferenceSession(path)
    (takes,) = session.get_inputs()
    for batch in (inputs, inputs[:1]):
        (outputs,) = session.run(None, {takes.name: batch})
        np.testing.assert_allclose(
            outputs, model.predict(batch, verbose=0), rtol=1e-4, atol=1e-5
        )


@MODELS
@pytest.mark.skipif(
    BACKEND == "torch",
    reason="Keras 3.15 does not export a SavedModel from torch: its torch."
    "export rejects the shapes",
)
def test_saved_model(make, data, rng, tmp_path):
    tensorflow = pytest.importorskip("tensorflow")
    model, inputs = trained(make(), rng), data(rng)
    expected = model.predict(inputs, verbose=0)
    model.export(tmp_path / "model", verbose=False)
    loaded = tensorflow.saved_model.load(tmp_path / "model")
    np.testing.assert_allclose(
        loaded.serve(inputs).numpy(), expected, rtol=1e-4, atol=1e-5
    )


@MODELS
@pytest.mark.skipif(BACKEND != "torch", reason="torch.export")
def test_torch_export(make, data, rng, tmp_path):
    import torch

    model, inputs = trained(make(), rng), data(rng)
    expected = model.predict(inputs, verbose=0)
    path = tmp_path / "model.pt2"
    model.export(
        path,
        format="torch",
        verbose=False,
        dynamic_shapes={0: torch.export.Dim("batch", min=1, max=1024)},
    )
    program = torch.export.load(path).module()
    outputs = program(torch.as_tensor(inputs)).detach().numpy()
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)


def test_onnx_of_texts_of_any_length(rng, tmp_path):
    runtime = import_onnx_runtime()
    clip_ = kc.CLIPModel(
        kc.models.ConvNet(4, num_stages=1, input_shape=(16, 16, 3)),
        kc.models.TextTransformer(32, END, 9, 16, 1, 2),
        projection_dim=8,
    )
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    model = trained(keras.Model(tokens, clip_.encode_text(tokens)), rng)
    path = tmp_path / "model.onnx"
    kc.models.export_onnx(model, path)
    session = runtime.InferenceSession(path)
    for length in (6, 3):
        inputs = texts(rng)[:, -length:]
        inputs[:, -1] = END
        (outputs,) = session.run(None, {"tokens": inputs})
        np.testing.assert_allclose(
            outputs, model.predict(inputs, verbose=0), rtol=1e-4, atol=1e-5
        )


@pytest.mark.skipif(BACKEND != "torch", reason="torch.export")
def test_onnx_of_images_of_any_size_is_refused(tmp_path):
    import_onnx_runtime()
    encoder = kc.models.ResNet18("cifar", 4, input_shape=(None, None, 3))
    with pytest.raises(ValueError, match="images of a known size on PyTorch"):
        kc.models.export_onnx(encoder, tmp_path / "model.onnx")


def test_onnx_of_several_inputs(rng, tmp_path):
    runtime = import_onnx_runtime()
    ids = keras.Input((None,), dtype="int32", name="token_ids")
    mask = keras.Input((None,), dtype="int32", name="padding_mask")
    backbone = keras.Model(
        {"token_ids": ids, "padding_mask": mask},
        keras.layers.Embedding(32, 8)(ids),
    )
    encoder = kc.models.pooled(backbone, "mean")
    kc.models.export_onnx(encoder, tmp_path / "encoder.onnx")
    tokens = texts(rng)
    valid = (tokens < 20).astype("int32")
    inputs = {"token_ids": tokens, "padding_mask": valid}
    session = runtime.InferenceSession(tmp_path / "encoder.onnx")
    (outputs,) = session.run(None, inputs)
    np.testing.assert_allclose(
        outputs, encoder.predict(inputs, verbose=0), rtol=1e-4, atol=1e-6
    )
