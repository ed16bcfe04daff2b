import keras
import pytest

import keras_contrastive as kc
from keras_contrastive.layers.transformer.attention_pooling import (
    AttentionPooling,
)
from keras_contrastive.layers.transformer.mean_query_pooling import (
    MeanQueryPooling,
)
from keras_contrastive.layers.transformer.transformer_block import (
    TransformerBlock,
)

LAYERS = [
    (kc.layers.ProjectionHead, {"hidden_dim": 4, "num_layers": 3}, (4,)),
    (TransformerBlock, {"num_heads": 2, "depth": 1}, (3, 4)),
    (AttentionPooling, {"num_heads": 2}, (3, 4)),
    (MeanQueryPooling, {"num_heads": 2, "output_dim": 3}, (2, 2, 4)),
]


@pytest.mark.one_backend
@pytest.mark.parametrize("kind, arguments, shape", LAYERS)
def test_a_frozen_layer_is_frozen_inside_a_model(kind, arguments, shape):
    """Keras passes `trainable` on if it is set, but not at the creation."""
    layer = kind(**arguments, trainable=False)
    inputs = keras.Input(shape)
    model = keras.Model(inputs, layer(inputs))
    assert not model.trainable_variables
    again = keras.models.clone_model(model)
    assert not again.trainable_variables
    layer.trainable = True
    assert model.trainable_variables
