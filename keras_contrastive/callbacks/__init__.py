"""Callbacks for `fit`: evaluation of the representation, and resuming."""

from keras_contrastive.callbacks.checkpoint import Checkpoint
from keras_contrastive.callbacks.knn_evaluation import KNNEvaluation
from keras_contrastive.callbacks.linear_probe_evaluation import (
    LinearProbeEvaluation,
)
from keras_contrastive.callbacks.retrieval_evaluation import RetrievalEvaluation
from keras_contrastive.callbacks.training_health import TrainingHealth
from keras_contrastive.callbacks.zero_shot_evaluation import ZeroShotEvaluation

__all__ = [
    "Checkpoint",
    "KNNEvaluation",
    "LinearProbeEvaluation",
    "RetrievalEvaluation",
    "TrainingHealth",
    "ZeroShotEvaluation",
]
