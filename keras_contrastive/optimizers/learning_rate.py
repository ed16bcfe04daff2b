import math

import keras

from keras_contrastive.validation import check_choice
from keras_contrastive.validation import check_not_negative
from keras_contrastive.validation import check_positive
from keras_contrastive.validation import check_positive_int


def scaled_learning_rate(batch_size: int, rule: str = "linear") -> float:
    """Peak learning rate for LARS by SimCLR's rules.

    `"linear"`: `0.3 * batch_size / 256`. `"sqrt"`: `0.075 * sqrt(batch_size)`,
    better for small batches and few epochs. They are equal at 4096.

    Args:
        batch_size: Int, images per step over all devices.
        rule: `"linear"` or `"sqrt"`.

    Returns:
        A float.

    Raises:
        ValueError: If `batch_size` is not positive or `rule` is unknown.

    Example:

    ```python
    import keras_contrastive as kc

    print(kc.optimizers.scaled_learning_rate(512, rule="sqrt"))
    ```

    Reference:
        Chen et al., 2020 (SimCLR), section 2.1 and appendix B.1.
    """
    batch_size = check_positive_int("batch_size", batch_size)
    check_choice("rule", rule, ("linear", "sqrt"))
    if rule == "linear":
        return 0.3 * batch_size / 256
    return 0.075 * math.sqrt(batch_size)


def warmup_cosine(
    peak: float, total_steps: int, warmup_steps: int = 0
) -> keras.optimizers.schedules.LearningRateSchedule:
    """Linear warmup to `peak`, then half a cosine down to 0.

    It is Keras' own `CosineDecay`, with arguments as in the papers'
    description of the schedule.

    Args:
        peak: Float, the highest learning rate.
        total_steps: Int, steps of the whole run, warmup included
            (`epochs * steps_per_epoch`).
        warmup_steps: Int, steps of the linear rise from 0. Defaults to 0.

    Returns:
        A `keras.optimizers.schedules.CosineDecay`.

    Raises:
        ValueError: If `peak` is not a number of 0 or more, or unless
            `0 <= warmup_steps < total_steps`.

    Example:

    ```python
    import keras_contrastive as kc

    schedule = kc.optimizers.warmup_cosine(0.3, 1000, warmup_steps=100)
    print([round(float(schedule(step)), 3) for step in (0, 50, 100, 1000)])
    ```

    Reference:
        Chen et al., 2020 (SimCLR), section 2.1.
    """
    peak = check_not_negative("peak", peak)
    check_positive("total_steps", total_steps)
    check_not_negative("warmup_steps", warmup_steps)
    if not warmup_steps < total_steps:
        raise ValueError(
            "`warmup_steps` must be below `total_steps`. "
            f"Received: warmup_steps={warmup_steps}, total_steps={total_steps}"
        )
    if warmup_steps == 0:
        return keras.optimizers.schedules.CosineDecay(peak, total_steps)
    return keras.optimizers.schedules.CosineDecay(
        0.0,
        total_steps - warmup_steps,
        warmup_target=peak,
        warmup_steps=warmup_steps,
    )
