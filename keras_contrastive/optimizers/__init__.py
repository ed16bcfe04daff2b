"""LARS and the learning-rate rules that go with it."""

from keras_contrastive.optimizers.lars import LARS
from keras_contrastive.optimizers.learning_rate import scaled_learning_rate
from keras_contrastive.optimizers.learning_rate import warmup_cosine

__all__ = ["LARS", "scaled_learning_rate", "warmup_cosine"]
