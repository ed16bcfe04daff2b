"""open_clip's CLIPs with XLM-R, against transformers' on the same weights."""

import json

import keras
import numpy as np
import pytest

import keras_contrastive as kc
from tests.pretrained.helpers import IMAGES
from tests.pretrained.helpers import embeddings

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
save_file = pytest.importorskip("safetensors.torch").save_file
load_file = pytest.importorskip("safetensors.torch").load_file
pytest.importorskip("keras_hub")

FILE = "open_clip_config.json"
WEIGHTS = "open_clip_model.safetensors"
# One text with no padding, one with a single word.
TOKENS = np.array(
    [[0, 7, 8, 9, 10, 2], [0, 11, 2, 1, 1, 1], [0, 5, 6, 2, 1, 1]]
)
DIM = 24


def projection(kind):
    linear = torch.nn.Linear
    if kind == "linear":
        return linear(128, DIM, bias=False)
    return torch.nn.Sequential(
        linear(128, 76, bias=False),
        torch.nn.GELU(),
        linear(76, DIM, bias=False),
    )


@pytest.fixture(params=["mlp", "linear"])
def checkpoint(request, tmp_path):
    """A folder as open_clip saves one, and the embeddings of its model."""
    torch.manual_seed(0)
    image = kc.CLIPModel(
        kc.models.VisionTransformer(8, 64, 1, 1, input_shape=(16, 16, 3)),
        kc.models.TextTransformer(50, 49, context_length=6, width=64),
        projection_dim=DIM,
    )
    image.save_checkpoint(tmp_path, "open_clip")
    config = transformers.XLMRobertaConfig(
        vocab_size=50,
        hidden_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=40,
        max_position_embeddings=12,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        pad_token_id=1,
    )
    model = transformers.XLMRobertaModel(config, add_pooling_layer=False).eval()
    for parameter in model.parameters():  # also biases, which start at zero
        torch.nn.init.normal_(parameter, std=0.3)
    last = projection(request.param)
    tensors = {
        name: tensor
        for name, tensor in load_file(tmp_path / WEIGHTS).items()
        if name.startswith("visual.") or name == "logit_scale"
    }
    for prefix, part in (("text.transformer.", model), ("text.proj.", last)):
        tensors |= {
            prefix + name: tensor.detach().clone().contiguous()
            for name, tensor in part.state_dict().items()
        }
    save_file(tensors, tmp_path / WEIGHTS)
    settings = json.loads((tmp_path / FILE).read_text())
    settings["model_cfg"]["text_cfg"] = {
        "hf_model_name": "xlm-roberta-base",
        "hf_tokenizer_name": "xlm-roberta-base",
        "hf_pooler_type": "mean_pooler",
        "hf_proj_type": request.param,
    }
    (tmp_path / FILE).write_text(json.dumps(settings))
    tokens = torch.tensor(TOKENS)
    mask = tokens != 1
    with torch.no_grad():
        hidden = model(tokens, attention_mask=mask.long()).last_hidden_state
        hidden = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        texts = torch.nn.functional.normalize(last(hidden), dim=-1).numpy()
    return tmp_path, embeddings(image, tokens=np.full((1, 6), 49))[0], texts


@pytest.mark.one_backend
def test_embeddings_equal_those_of_transformers(checkpoint, tmp_path):
    folder, images, texts = checkpoint
    model = kc.CLIPModel.from_checkpoint(folder)
    found = embeddings(model, IMAGES, TOKENS)
    np.testing.assert_allclose(found[0], images, atol=1e-5)
    np.testing.assert_allclose(found[1], texts, atol=1e-5)
    # Padding changes nothing.
    padded = np.concatenate([TOKENS, np.ones((3, 3), int)], axis=1)
    found = embeddings(model, IMAGES, padded)
    np.testing.assert_allclose(found[1], texts, atol=1e-5)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(
        embeddings(again, IMAGES, TOKENS)[1], texts, atol=1e-5
    )


@pytest.mark.one_case
def test_one_tower_and_what_is_refused(checkpoint):
    folder, _, texts = checkpoint
    encoder = kc.models.from_checkpoint(folder, tower="text")
    found = keras.ops.convert_to_numpy(encoder(TOKENS))
    found = found / np.linalg.norm(found, axis=1, keepdims=True)
    np.testing.assert_allclose(found, texts, atol=1e-5)
    with pytest.raises(ValueError, match="`context_length` must be None"):
        kc.CLIPModel.from_checkpoint(folder, context_length=20)
    with pytest.raises(ValueError, match="`VisionTransformer` and a `TextTr"):
        kc.CLIPModel.from_checkpoint(folder).save_checkpoint(folder / "new")
    settings = json.loads((folder / FILE).read_text())
    text = settings["model_cfg"]["text_cfg"]
    for change, message in (
        ({"hf_model_name": "google/mt5-base"}, "`hf_model_name`.*mt5"),
        ({"hf_pooler_type": "cls_pooler"}, "`hf_pooler_type`.*cls_pooler"),
    ):
        settings["model_cfg"]["text_cfg"] = {**text, **change}
        (folder / FILE).write_text(json.dumps(settings))
        with pytest.raises(ValueError, match=message):
            kc.CLIPModel.from_checkpoint(folder)


@pytest.mark.one_case
def test_a_step_trains_all_of_the_text_tower(checkpoint):
    model = kc.CLIPModel.from_checkpoint(checkpoint[0])
    model.compile(keras.optimizers.Adam(1e-3))
    variables = model.text_encoder.trainable_variables
    before = [keras.ops.convert_to_numpy(v) for v in variables]
    data = {"images": IMAGES, "texts": TOKENS.astype("int32")}
    model.fit(data, batch_size=3, verbose=0)
    for variable, old in zip(variables, before, strict=True):
        new = keras.ops.convert_to_numpy(variable)
        assert np.isfinite(new).all()
        # A bias of the keys changes no attention.
        if not variable.path.endswith("key/bias"):
            assert np.abs(new - old).max() > 5e-4, variable.path
