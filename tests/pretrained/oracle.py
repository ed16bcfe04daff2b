"""CLIP in NumPy, float64, on the tensors and settings of transformers."""

import numpy as np

from tests.encoders.oracle import gelu
from tests.encoders.oracle import norm
from tests.encoders.oracle import quick_gelu

ACTIVATIONS = {"gelu": gelu, "quick_gelu": quick_gelu}


def random_checkpoint(rng, config):
    """Tensors of the shapes that a `config.json` says."""
    vision, text = config["vision_config"], config["text_config"]
    patch, dim = vision["patch_size"], config["projection_dim"]
    width = vision["hidden_size"]
    positions = (vision["image_size"] // patch) ** 2 + 1
    v, t = "vision_model.embeddings", "text_model.embeddings"
    shapes = {
        f"{v}.class_embedding": (width,),
        f"{v}.patch_embedding.weight": (width, 3, patch, patch),
        f"{v}.position_embedding.weight": (positions, width),
        **_norm_shapes("vision_model.pre_layrnorm", width),
        **_norm_shapes("vision_model.post_layernorm", width),
        "visual_projection.weight": (dim, width),
        "logit_scale": (),
    }
    width = text["hidden_size"]
    shapes |= {
        f"{t}.token_embedding.weight": (text["vocab_size"], width),
        f"{t}.position_embedding.weight": (
            text["max_position_embeddings"],
            width,
        ),
        **_norm_shapes("text_model.final_layer_norm", width),
        "text_projection.weight": (dim, width),
    }
    for model, settings in (("vision_model", vision), ("text_model", text)):
        width, hidden = settings["hidden_size"], settings["intermediate_size"]
        for i in range(settings["num_hidden_layers"]):
            layer = f"{model}.encoder.layers.{i}"
            shapes |= _norm_shapes(f"{layer}.layer_norm1", width)
            shapes |= _norm_shapes(f"{layer}.layer_norm2", width)
            for name, inputs, outputs in (
                *((f"self_attn.{p}_proj", width, width) for p in "qkv"),
                ("self_attn.out_proj", width, width),
                ("mlp.fc1", width, hidden),
                ("mlp.fc2", hidden, width),
            ):
                shapes[f"{layer}.{name}.weight"] = (outputs, inputs)
                shapes[f"{layer}.{name}.bias"] = (outputs,)
    return {
        name: np.asarray(rng.normal(scale=0.3, size=shape), "float32")
        for name, shape in shapes.items()
    }


def _norm_shapes(name, width):
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def embeddings(tensors, config, pixels, tokens):
    """Of normalised images `(n, height, width, 3)` and token ids."""
    t = {name: tensor.astype("float64") for name, tensor in tensors.items()}
    vision, text = config["vision_config"], config["text_config"]
    images = [_image(t, vision, image) for image in pixels]
    texts = [_text(t, text, row) for row in tokens]
    return (
        _normalize(np.array(images) @ t["visual_projection.weight"].T),
        _normalize(np.array(texts) @ t["text_projection.weight"].T),
    )


def _image(t, settings, image):
    v, patch = "vision_model.embeddings", settings["patch_size"]
    kernel = t[f"{v}.patch_embedding.weight"]
    size = settings["image_size"]
    patches = [
        np.einsum(
            "hwc,ochw->o",
            image[top : top + patch, left : left + patch],
            kernel,
        )
        for top in range(0, size, patch)
        for left in range(0, size, patch)
    ]
    x = np.stack([t[f"{v}.class_embedding"], *patches])
    x = x + t[f"{v}.position_embedding.weight"]
    x = _norm(t, "vision_model.pre_layrnorm", x, settings)
    x = _blocks(t, "vision_model", x, settings, causal=False)
    return _norm(t, "vision_model.post_layernorm", x[0], settings)


def _text(t, settings, tokens):
    e = "text_model.embeddings"
    x = t[f"{e}.token_embedding.weight"][tokens]
    x = x + t[f"{e}.position_embedding.weight"][: len(tokens)]
    x = _blocks(t, "text_model", x, settings, causal=True)
    x = _norm(t, "text_model.final_layer_norm", x, settings)
    return x[list(tokens).index(settings["eos_token_id"])]


def _blocks(t, model, x, settings, causal):
    tokens, width = x.shape
    heads = settings["num_attention_heads"]
    mask = np.triu(np.full((tokens, tokens), -np.inf), 1) if causal else 0.0
    for i in range(settings["num_hidden_layers"]):
        layer = f"{model}.encoder.layers.{i}"
        h = _norm(t, f"{layer}.layer_norm1", x, settings)
        q, k, v = (
            _linear(t, f"{layer}.self_attn.{part}_proj", h)
            .reshape(tokens, heads, -1)
            .swapaxes(0, 1)
            for part in "qkv"
        )
        p = np.exp(q @ k.swapaxes(1, 2) * (width // heads) ** -0.5 + mask)
        h = (p / p.sum(-1, keepdims=True)) @ v
        h = h.swapaxes(0, 1).reshape(tokens, width)
        x = x + _linear(t, f"{layer}.self_attn.out_proj", h)
        h = _norm(t, f"{layer}.layer_norm2", x, settings)
        h = ACTIVATIONS[settings["hidden_act"]](
            _linear(t, f"{layer}.mlp.fc1", h)
        )
        x = x + _linear(t, f"{layer}.mlp.fc2", h)
    return x


def _linear(t, name, x):
    return x @ t[f"{name}.weight"].T + t[f"{name}.bias"]


def _norm(t, name, x, settings):
    gain, bias = t[f"{name}.weight"], t[f"{name}.bias"]
    return norm(x, gain, bias, settings["layer_norm_eps"])


def _normalize(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)
