"""Learning rates that fall from the output of an encoder to its input."""

import keras

from keras_contrastive.fine_tuning.blocks import blocks
from keras_contrastive.fine_tuning.own_weights import own_weights
from keras_contrastive.optimizers.multi_rate_adamw import MultiRateAdamW
from keras_contrastive.validation import check_positive


def layer_decay(
    optimizer: MultiRateAdamW, encoder: keras.Layer, decay: float = 0.75
) -> list[float]:
    """Lets the blocks of an encoder learn more slowly toward its input.

    The weights of group b of B, see `blocks`, learn at

    `learning_rate * decay ** (B - b)`, for b = 1, ..., B

    so that the last group keeps the rate, and the pretrained features near the
    input change least. Weights outside the encoder keep their rate. Factors
    multiply those of the optimizer's `multipliers`. Call it before `compile`,
    once for each encoder.

    Args:
        optimizer: A `MultiRateAdamW` that is not built yet.
        encoder: A built model or layer.
        decay: Float in (0, 1]. 0.65 to 0.85 are usual for transformers.

    Returns:
        The factors of the groups, from the input to the output.

    Raises:
        ValueError: If `optimizer` is of another class or built, or `decay` is
            out of range.

    Example:

    ```python
    import keras_contrastive as kc

    encoder = kc.models.VisionTransformer(
        8, width=32, num_layers=2, num_heads=2, input_shape=(32, 32, 3)
    )
    optimizer = kc.optimizers.MultiRateAdamW(1e-4)
    print(kc.fine_tuning.layer_decay(optimizer, encoder, decay=0.5))
    # [0.125, 0.25, 0.5, 1.0]
    ```

    Reference:
        Clark et al., 2020, ELECTRA, appendix B; Bao et al., 2022, BEiT,
        appendix H; Howard and Ruder, 2018, section 3.2.
    """
    if not isinstance(optimizer, MultiRateAdamW):
        raise ValueError(
            "`optimizer` must be a `kc.optimizers.MultiRateAdamW`. "
            f"Received: {optimizer!r}"
        )
    if check_positive("decay", decay) > 1:
        raise ValueError(
            f"`decay` must be in (0, 1]. Received: decay={decay!r}"
        )
    groups = blocks(encoder)
    factors = [decay ** (len(groups) - 1 - b) for b in range(len(groups))]
    for group, factor in zip(groups, factors, strict=True):
        optimizer.multiply_rate(
            [each for layer in group for each in own_weights(layer)], factor
        )
    return factors
