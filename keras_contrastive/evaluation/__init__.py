"""Evaluation of representations: functions of features and labels."""

from keras_contrastive.evaluation.caption_choice import caption_choice
from keras_contrastive.evaluation.classification_scores import (
    ClassificationScores,
)
from keras_contrastive.evaluation.classification_scores import (
    classification_scores,
)
from keras_contrastive.evaluation.corruption_accuracy import CorruptionScores
from keras_contrastive.evaluation.corruption_accuracy import corruption_accuracy
from keras_contrastive.evaluation.effective_rank import effective_rank
from keras_contrastive.evaluation.extract_features import extract_features
from keras_contrastive.evaluation.few_shot_probe import FewShotScores
from keras_contrastive.evaluation.few_shot_probe import few_shot_probe
from keras_contrastive.evaluation.knn_classify import knn_classify
from keras_contrastive.evaluation.linear_probe import linear_probe
from keras_contrastive.evaluation.mean_average_precision import (
    mean_average_precision,
)
from keras_contrastive.evaluation.prompts import CIFAR10_TEMPLATES
from keras_contrastive.evaluation.prompts import GENERAL_TEMPLATES
from keras_contrastive.evaluation.prompts import prompt_set
from keras_contrastive.evaluation.read_class_names import read_class_names
from keras_contrastive.evaluation.retrieval_recall import retrieval_recall
from keras_contrastive.evaluation.zero_shot_classify import zero_shot_classify
from keras_contrastive.evaluation.zero_shot_weights import zero_shot_weights

__all__ = [
    "CIFAR10_TEMPLATES",
    "ClassificationScores",
    "CorruptionScores",
    "FewShotScores",
    "GENERAL_TEMPLATES",
    "caption_choice",
    "classification_scores",
    "corruption_accuracy",
    "effective_rank",
    "extract_features",
    "few_shot_probe",
    "knn_classify",
    "linear_probe",
    "mean_average_precision",
    "prompt_set",
    "read_class_names",
    "retrieval_recall",
    "zero_shot_classify",
    "zero_shot_weights",
]
