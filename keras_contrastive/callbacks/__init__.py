"""Callbacks for `fit`: how good the representation is, as it trains."""

from keras_contrastive.callbacks.knn_evaluation import KNNEvaluation
from keras_contrastive.callbacks.linear_probe_evaluation import (
    LinearProbeEvaluation,
)
from keras_contrastive.callbacks.training_health import TrainingHealth

__all__ = [
    "KNNEvaluation",
    "LinearProbeEvaluation",
    "TrainingHealth",
]
