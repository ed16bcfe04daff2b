"""Text backbones of keras-hub, randomly initialized, as encoders.

By family: a function that makes the backbone, and the arguments that `pooled`
needs. `keras_nlp` is another name of the same package.
"""

import numpy as np

END = 7
TOKENS = np.array([[1, 5, 6, END, 0, 0], [1, 8, 9, 2, 3, END]] * 2, "int32")
TOKENS[:, 1] += np.arange(4, dtype="int32")


def families(package):
    """Of the package `keras_hub` or `keras_nlp`."""
    models = package.models
    size = {"num_layers": 1, "hidden_dim": 8, "intermediate_dim": 16}
    small = {"vocabulary_size": 20, "num_heads": 2, **size}
    short = {**small, "max_sequence_length": 6}
    embedded = {**short, "embedding_dim": 8}
    return {
        "BERT": (lambda: models.BertBackbone(**short), {}),
        "RoBERTa": (lambda: models.RobertaBackbone(**short), {}),
        "XLM-RoBERTa": (lambda: models.XLMRobertaBackbone(**short), {}),
        "DistilBERT": (lambda: models.DistilBertBackbone(**short), {}),
        "ALBERT": (lambda: models.AlbertBackbone(**embedded), {}),
        "ELECTRA": (
            lambda: models.ElectraBackbone(
                vocab_size=20, num_heads=2, embedding_dim=8, **size
            ),
            {},
        ),
        "DeBERTaV3": (
            lambda: models.DebertaV3Backbone(bucket_size=4, **short),
            {},
        ),
        "XLNet": (lambda: models.XLNetBackbone(**small), {}),
        "FNet": (
            lambda: models.FNetBackbone(
                vocabulary_size=20, max_sequence_length=6, **size
            ),
            {},
        ),
        "GPT-2": (lambda: models.GPT2Backbone(**short), {}),
        "Llama": (
            lambda: models.LlamaBackbone(
                vocabulary_size=20,
                num_query_heads=2,
                num_key_value_heads=1,
                **size,
            ),
            {},
        ),
        "CLIP": (lambda: models.CLIPTextEncoder(**embedded), {"end_id": END}),
        "MetaCLIP 2": (
            lambda: models.MetaCLIP2TextEncoder(**embedded),
            {"end_id": END},
        ),
        "SigLIP": (lambda: models.SigLIPTextEncoder(**embedded), {}),
    }


def inputs_of(encoder):
    """What the encoder takes, of `TOKENS`."""
    values = {
        "token_ids": TOKENS,
        "padding_mask": (TOKENS != 0).astype("int32"),
        "segment_ids": np.zeros_like(TOKENS),
    }
    if not isinstance(encoder.input, dict):
        return TOKENS
    return {name: values[name] for name in encoder.input}
