"""Low-rank adapters."""

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.fine_tuning import enable_lora
from keras_contrastive.fine_tuning import merge_lora
from keras_contrastive.fine_tuning import unfreeze
from keras_contrastive.fine_tuning.own_weights import path_of
from keras_contrastive.trainer.keras_internals import all_layers
from keras_contrastive.trainer.keras_internals import has_adapter


def vision_transformer(num_layers=2):
    return kc.models.VisionTransformer(
        8, 16, num_layers, num_heads=2, input_shape=(16, 16, 3)
    )


def clip():
    model = kc.CLIPModel(
        vision_transformer(num_layers=1),
        kc.models.TextTransformer(20, 19, 6, 16, num_layers=1, num_heads=2),
        projection_dim=8,
    )
    model.compile(keras.optimizers.Adam(0.01))
    return model


def pairs(rng):
    tokens = rng.integers(0, 18, (8, 6))
    tokens[:, -1] = 19
    images = rng.random((8, 16, 16, 3)).astype("float32")
    return {"images": images, "texts": tokens}


def has_lora(model):
    return any(has_adapter(layer) for layer in all_layers(model))


def names(variables):
    return {variable.path for variable in variables}


def test_only_the_chosen_layers_are_adapted(rng):
    encoder = vision_transformer()
    images = rng.random((2, 16, 16, 3)).astype("float32")
    before = encoder.predict(images, verbose=0)
    adapted = enable_lora(encoder, rank=3, layers="block2/(qkv|mlp_output)")
    assert {path_of(each) for each in adapted} == {
        "block2/qkv",
        "block2/mlp_output",
    }
    assert names(encoder.trainable_variables) == {
        f"block2/{layer}/lora_kernel_{part}"
        for layer in ("qkv", "mlp_output")
        for part in "ab"
    }
    np.testing.assert_array_equal(encoder.predict(images, verbose=0), before)
    shapes = {v.path: tuple(v.shape) for v in encoder.trainable_variables}
    assert shapes["block2/qkv/lora_kernel_a"] == (16, 3)
    assert shapes["block2/qkv/lora_kernel_b"] == (3, 48)


def test_the_kernel_is_w_plus_scaled_a_b(rng):
    encoder = vision_transformer()
    trainable = names(encoder.trainable_variables)
    (layer,) = enable_lora(encoder, rank=2, alpha=6.0, layers="block1/qkv")
    a, b = layer.trainable_variables
    b.assign(rng.standard_normal(b.shape))
    kernel = layer.variables[0].numpy() + 3.0 * (a.numpy() @ b.numpy())
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(layer.kernel), kernel, rtol=1e-5, atol=1e-6
    )
    images = rng.random((2, 16, 16, 3)).astype("float32")
    adapted = encoder.predict(images, verbose=0)
    count = len(encoder.variables)
    assert merge_lora(encoder) == [layer]
    assert not has_lora(encoder)
    assert len(encoder.variables) == count - 2
    np.testing.assert_allclose(
        layer.variables[0].numpy(), kernel, rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(
        encoder.predict(images, verbose=0), adapted, rtol=1e-4, atol=1e-5
    )
    assert not encoder.trainable_variables
    unfreeze(encoder)
    assert names(encoder.trainable_variables) == trainable
    assert merge_lora(encoder) == []


def test_trains_the_adapters_and_nothing_else(rng, tmp_path):
    """In one tower of CLIP, whose projections train; then merged and saved."""
    model, data = clip(), pairs(rng)
    enable_lora(model.image_encoder, rank=2)
    model.text_encoder.trainable = False
    model.compile(keras.optimizers.Adam(0.01))
    before = {v.path + str(i): v.numpy() for i, v in enumerate(model.weights)}
    losses = model.fit(data, epochs=6, batch_size=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0] - 0.05
    changed = {
        v.path
        for i, v in enumerate(model.weights)
        if (v.numpy() != before[v.path + str(i)]).any()
    }
    assert changed == names(model.trainable_variables)
    assert any("lora_kernel_b" in path for path in changed)
    expected = model.predict(data, verbose=0)
    with pytest.raises(ValueError, match="merge_lora"):
        model.save_checkpoint(tmp_path / "adapted", format="open_clip")
    merge_lora(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for name, embeddings in loaded.predict(data, verbose=0).items():
        np.testing.assert_allclose(embeddings, expected[name], atol=1e-5)
    assert not has_lora(loaded)


def test_a_file_holds_merged_weights_and_adapters_restart(rng, tmp_path):
    """Keras' adapters of a loaded file are zero, which would never train."""
    encoder = vision_transformer()
    (layer,) = enable_lora(encoder, 2, alpha=4.0, layers="block1/qkv")
    a, b = layer.trainable_variables
    b.assign(rng.standard_normal(b.shape))
    images = rng.random((2, 16, 16, 3)).astype("float32")
    expected = encoder.predict(images, verbose=0)
    with pytest.raises(ValueError, match="has adapters already"):
        enable_lora(encoder, 2)
    encoder.save(tmp_path / "encoder.keras")
    loaded = keras.saving.load_model(tmp_path / "encoder.keras")
    (again,) = enable_lora(loaded, 3, layers="block1/qkv")
    assert np.abs(again.trainable_variables[0].numpy()).max() > 0.01
    np.testing.assert_allclose(
        loaded.predict(images, verbose=0), expected, rtol=1e-4, atol=1e-5
    )


@pytest.mark.slow
def test_a_stopped_run_goes_on(rng, tmp_path):
    data = pairs(rng)

    def run(epochs, folder):
        keras.utils.set_random_seed(0)
        model = clip()
        enable_lora(model.image_encoder, rank=2)
        model.compile(keras.optimizers.Adam(0.01))
        checkpoint = kc.callbacks.Checkpoint(tmp_path / folder)
        model.fit(
            data, epochs=epochs, batch_size=4, callbacks=[checkpoint], verbose=0
        )
        return [weight.numpy() for weight in model.weights]

    run(2, "stopped")
    whole = run(4, "whole")
    for one, other in zip(run(4, "stopped"), whole, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.one_backend
def test_convolutions_and_batch_statistics(rng):
    encoder = kc.models.ConvNet(width=4, input_shape=(16, 16, 3))
    assert enable_lora(encoder, 2, layers="conv")
    images = rng.random((4, 16, 16, 3)).astype("float32")
    before = encoder.get_weights()
    encoder(images, training=True)
    for one, other in zip(encoder.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
    training, inference = (
        keras.ops.convert_to_numpy(encoder(images, training=flag))
        for flag in (True, False)
    )
    np.testing.assert_allclose(training, inference, rtol=1e-5)


def test_traced_functions_know_the_adapters(rng):
    """Steps traced before adapters came or went, of the model or around it."""
    model, data = clip(), pairs(rng)
    encoder = model.image_encoder

    def outputs():
        images = data["images"]
        return [
            model.predict(data, verbose=0)["image_embeddings"],
            encoder.predict(images, verbose=0),
            keras.ops.convert_to_numpy(encoder(images)),
        ]

    outputs()
    for alpha in (2.0, 6.0):
        (layer,) = enable_lora(encoder, 2, alpha, layers="block1/qkv")
        model.compile(keras.optimizers.Adam(0.01))
        b = layer.trainable_variables[1]
        b.assign(rng.standard_normal(b.shape))
        adapted = outputs()
        np.testing.assert_allclose(adapted[1], adapted[2], atol=1e-5)
        merge_lora(encoder)
        for one, other in zip(outputs(), adapted, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("whole", [True, False])
def test_adapters_of_a_frozen_encoder_train(whole):
    encoder = vision_transformer()
    for layer in [encoder] if whole else encoder.layers:
        layer.trainable = False
    enable_lora(encoder, 2, layers="block1/qkv")
    assert names(encoder.trainable_variables) == {
        "block1/qkv/lora_kernel_a",
        "block1/qkv/lora_kernel_b",
    }


def test_errors():
    encoder = vision_transformer()
    with pytest.raises(ValueError, match="`rank` must be a positive integer"):
        enable_lora(encoder, 0)
    with pytest.raises(ValueError, match="`alpha`"):
        enable_lora(encoder, 2, alpha=0.0)
    with pytest.raises(ValueError, match="layers='query'.*block1/"):
        enable_lora(encoder, layers="query")
    with pytest.raises(ValueError, match="must be built"):
        enable_lora(keras.Sequential([keras.layers.Dense(2)]))


def test_merging_collects_no_garbage(monkeypatch):
    """Keras does for each variable, which may take seconds."""
    encoder = kc.models.VisionTransformer(
        8, width=8, num_layers=1, num_heads=2, input_shape=(16, 16, 3)
    )
    enable_lora(encoder)
    monkeypatch.setattr("gc.collect", lambda: pytest.fail("collected"))
    assert merge_lora(encoder)
