"""Small configurations of CLIP and data for them."""

import keras
import numpy as np

import keras_contrastive as kc

END = 49
IMAGES = np.random.default_rng(0).uniform(size=(3, 16, 16, 3)).astype("float32")
TOKENS = np.array(
    [[48, 3, 4, END, 0, 0], [48, 7, END, END, END, END], [48, 1, 2, 3, 4, END]]
)


def config(
    activation="quick_gelu",
    epsilon=1e-5,
    heads=2,
    layers=1,
    patch_size=8,
    hidden=40,
):
    """Of transformers."""
    tower = {
        "hidden_act": activation,
        "layer_norm_eps": epsilon,
        "num_attention_heads": heads,
        "num_hidden_layers": layers,
        "intermediate_size": hidden,
    }
    return {
        "model_type": "clip",
        "projection_dim": 24,
        "text_config": {
            **tower,
            "vocab_size": END + 1,
            "hidden_size": 32,
            "max_position_embeddings": 6,
            "bos_token_id": END - 1,
            "eos_token_id": END,
        },
        "vision_config": {
            **tower,
            "hidden_size": 16,
            "image_size": 16,
            "patch_size": patch_size,
        },
    }


CONFIGS = {
    "openai": config(),
    "gelu": config("gelu", 1e-3, heads=4, layers=2, patch_size=4),
}


def normalized(images, model):
    return (images - model.image_encoder.mean) / model.image_encoder.std


def embeddings(model, images=IMAGES, tokens=TOKENS):
    return (
        keras.ops.convert_to_numpy(model.encode_image(images)),
        keras.ops.convert_to_numpy(model.encode_text(tokens)),
    )


def logits(model, images, texts):
    scale = keras.ops.convert_to_numpy(model.logit_scale.scale)
    return scale * images @ texts.T


def assert_trains_and_returns_from_a_file(encoder, images, path):
    """Trains it for two steps, and compares it with what its file holds."""
    model = keras.Sequential([encoder, keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(images, np.ones((len(images), 1)), epochs=2, verbose=0)
    encoder.save(path)
    restored = keras.models.load_model(path)
    assert restored.get_config() == encoder.get_config()
    np.testing.assert_array_equal(
        *(keras.ops.convert_to_numpy(e(images)) for e in (restored, encoder))
    )
    bands = kc.models.with_channels(encoder, 5)
    assert bands.input_shape == (None, *images.shape[1:3], 5)
