from typing import Any

import keras
from keras import layers

from keras_contrastive.encoders.functional_encoder import FunctionalEncoder
from keras_contrastive.layers.dropout import Dropout
from keras_contrastive.layers.transformer.token_embedding import TokenEmbedding
from keras_contrastive.layers.transformer.token_pooling import TokenPooling
from keras_contrastive.validation import check_positive_int
from keras_contrastive.validation import check_rate


@keras.saving.register_keras_serializable(package="keras_contrastive")
class BagOfWords(FunctionalEncoder):
    """Text encoder that uses the words of a text, but not their order.

    It computes the mean of the token vectors, normalizes it, and adds the
    output of a small MLP. With a few thousand captions it generalizes better
    than a transformer, which overfits to their wording, and it takes almost no
    time.

    Args:
        vocabulary_size: Int, number of different token ids.
        width: Int, dimension of the vectors. Defaults to 256.
        dropout: Float in [0, 1), fraction of units dropped in training, of the
            mean and in the MLP. Defaults to 0.
        name: Name of the model.
        **kwargs: Arguments of `keras.Model`, such as `dtype`.

    Call arguments:
        inputs: Int tensor of shape `(batch, tokens)`: token ids. The id 0 is
            padding and is ignored.
        training: Whether to drop units.

    Returns:
        Float tensor of shape `(batch, width)`.

    Raises:
        ValueError: If a size is below 1, `dropout` not in [0, 1), or an id
            not in the vocabulary.

    Example:

    ```python
    import numpy as np
    import keras_contrastive as kc

    encoder = kc.models.BagOfWords(vocabulary_size=100)
    print(encoder(np.array([[5, 17, 2, 0, 0, 0]])).shape)  # (1, 256)
    ```

    Reference:
        Joulin et al., 2016, Bag of Tricks for Efficient Text Classification;
        as the text side of learning from captions in Joulin et al., 2016,
        Learning Visual Features from Large Weakly Supervised Data.
    """

    def __init__(
        self,
        vocabulary_size: int,
        width: int = 256,
        dropout: float = 0.0,
        name: str | None = None,
        **kwargs: Any,
    ):
        vocabulary_size = check_positive_int("vocabulary_size", vocabulary_size)
        width = check_positive_int("width", width)
        dropout = check_rate("dropout", dropout)
        dtype = kwargs.get("dtype")
        tokens = keras.Input((None,), dtype="int32", name="tokens")
        x = TokenEmbedding(
            vocabulary_size, width, name="token_embedding", dtype=dtype
        )(tokens)
        x = TokenPooling("mean", name="mean", dtype=dtype)(x, tokens)
        x = layers.LayerNormalization(epsilon=1e-5, name="norm", dtype=dtype)(x)
        x = Dropout(dropout, name="dropout", dtype=dtype)(x)
        hidden = layers.Dense(
            2 * width, activation="gelu", name="mlp_hidden", dtype=dtype
        )(x)
        hidden = Dropout(dropout, name="mlp_dropout", dtype=dtype)(hidden)
        hidden = layers.Dense(width, name="mlp_output", dtype=dtype)(hidden)
        outputs = layers.Add(name="add", dtype=dtype)([x, hidden])
        super().__init__(tokens, outputs, name=name, **kwargs)
        self.vocabulary_size = vocabulary_size
        self.width = width
        self.dropout = dropout
