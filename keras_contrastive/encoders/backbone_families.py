"""The intended pooling of keras-hub backbones that output tokens."""

# Token 0 is a class token.
_CLASS_TOKEN = (
    "CLIPVisionEncoder",
    "DINOV2Backbone",
    "DINOV3Backbone",
    "DeiTBackbone",
    "MetaCLIP2VisionEncoder",
    "ViTBackbone",
)
# Every token sees all others.
_BIDIRECTIONAL = (
    "DebertaV3Backbone",
    "DistilBertBackbone",
    "ESMBackbone",
    "RobertaBackbone",
    "RoformerV2Backbone",
    "SwinTransformerBackbone",
    "XLNetBackbone",
)
# Only the last token has seen all others.
_CAUSAL = (
    "BloomBackbone",
    "FalconBackbone",
    "Gemma3Backbone",
    "GemmaBackbone",
    "GPT2Backbone",
    "GPTNeoXBackbone",
    "GptOssBackbone",
    "LlamaBackbone",
    "MistralBackbone",
    "MixtralBackbone",
    "OPTBackbone",
    "Phi3Backbone",
    "Qwen3Backbone",
    "Qwen3MoeBackbone",
    "QwenBackbone",
    "QwenMoeBackbone",
    "SmolLM3Backbone",
)
# Also causal, but trained to be pooled at the end token.
_END_TOKEN = ("CLIPTextEncoder", "MetaCLIP2TextEncoder")

_POOLINGS = {
    **dict.fromkeys(_CLASS_TOKEN, "cls"),
    **dict.fromkeys(_BIDIRECTIONAL, "mean"),
    **dict.fromkeys(_CAUSAL, "last"),
    **dict.fromkeys(_END_TOKEN, "end"),
}


def token_pooling_of(backbone):
    """The pooling of a family that outputs tokens, or `None`."""
    pooling = _POOLINGS.get(_family_of(backbone))
    if pooling == "cls" and num_prefix_tokens_of(backbone) == 0:
        return "mean"
    return pooling


def num_prefix_tokens_of(backbone):
    """The known number of tokens before the patch tokens."""
    family = _family_of(backbone)
    if family not in _CLASS_TOKEN:
        return 0
    if not getattr(backbone, "use_class_token", True):
        return 0
    distillation = family == "DeiTBackbone"
    return 1 + distillation + getattr(backbone, "num_register_tokens", 0)


def _family_of(backbone):
    # By name, since keras-hub is optional.
    for class_ in type(backbone).__mro__:
        if class_.__name__ in _POOLINGS:
            return class_.__name__
    return None
