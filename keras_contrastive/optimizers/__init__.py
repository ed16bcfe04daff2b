"""Optimizers, learning-rate rules, and exclusions from weight decay."""

from keras_contrastive.optimizers.lars import LARS
from keras_contrastive.optimizers.learning_rate import scaled_learning_rate
from keras_contrastive.optimizers.learning_rate import warmup_cosine
from keras_contrastive.optimizers.multi_rate_adamw import MultiRateAdamW
from keras_contrastive.optimizers.weight_decay import exclude_from_weight_decay

__all__ = [
    "LARS",
    "MultiRateAdamW",
    "exclude_from_weight_decay",
    "scaled_learning_rate",
    "warmup_cosine",
]
