"""Metrics of a batch of embeddings: two views, or images and their texts."""

from keras_contrastive.metrics.alignment import Alignment
from keras_contrastive.metrics.contrastive_accuracy import ContrastiveAccuracy
from keras_contrastive.metrics.effective_rank import EffectiveRank
from keras_contrastive.metrics.retrieval_recall import RetrievalRecall
from keras_contrastive.metrics.uniformity import Uniformity

__all__ = [
    "Alignment",
    "ContrastiveAccuracy",
    "EffectiveRank",
    "RetrievalRecall",
    "Uniformity",
]
