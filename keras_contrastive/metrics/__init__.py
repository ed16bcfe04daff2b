"""Metrics of two views' embeddings: `update_state(z_a, z_b)`."""

from keras_contrastive.metrics.alignment import Alignment
from keras_contrastive.metrics.contrastive_accuracy import ContrastiveAccuracy
from keras_contrastive.metrics.effective_rank import EffectiveRank
from keras_contrastive.metrics.uniformity import Uniformity

__all__ = [
    "Alignment",
    "ContrastiveAccuracy",
    "EffectiveRank",
    "Uniformity",
]
