"""How good representations are: functions of features and labels."""

from keras_contrastive.evaluation.effective_rank import effective_rank
from keras_contrastive.evaluation.extract_features import extract_features
from keras_contrastive.evaluation.knn_classify import knn_classify
from keras_contrastive.evaluation.linear_probe import linear_probe

__all__ = [
    "effective_rank",
    "extract_features",
    "knn_classify",
    "linear_probe",
]
