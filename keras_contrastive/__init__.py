"""Contrastive learning in Keras 3."""

from keras_contrastive.command import is_command as _is_command
from keras_contrastive.version import __version__

# The command line parses its arguments and chooses a backend before it imports
# what it needs: Keras and a backend take seconds.
if not _is_command():
    from keras_contrastive import callbacks
    from keras_contrastive import curation
    from keras_contrastive import datasets
    from keras_contrastive import distribution
    from keras_contrastive import evaluation
    from keras_contrastive import fine_tuning
    from keras_contrastive import index
    from keras_contrastive import layers
    from keras_contrastive import losses
    from keras_contrastive import metrics
    from keras_contrastive import models
    from keras_contrastive import optimizers
    from keras_contrastive import text
    from keras_contrastive import visualization
    from keras_contrastive.models.byol_model import BYOLModel
    from keras_contrastive.models.clip_distillation_model import (
        CLIPDistillationModel,
    )
    from keras_contrastive.models.clip_model import CLIPModel
    from keras_contrastive.models.dino_model import DINOModel
    from keras_contrastive.models.distillation_model import DistillationModel
    from keras_contrastive.models.dual_encoder_model import DualEncoderModel
    from keras_contrastive.models.moco_model import MoCoModel
    from keras_contrastive.models.nnclr_model import NNCLRModel
    from keras_contrastive.models.simclr_model import SimCLRModel
    from keras_contrastive.models.simsiam_model import SimSiamModel
    from keras_contrastive.models.slip_model import SLIPModel
    from keras_contrastive.models.swav_model import SwAVModel

__all__ = [
    "BYOLModel",
    "CLIPDistillationModel",
    "CLIPModel",
    "DINOModel",
    "DistillationModel",
    "DualEncoderModel",
    "MoCoModel",
    "NNCLRModel",
    "SLIPModel",
    "SimCLRModel",
    "SimSiamModel",
    "SwAVModel",
    "__version__",
    "callbacks",
    "curation",
    "datasets",
    "distribution",
    "evaluation",
    "fine_tuning",
    "index",
    "layers",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "text",
    "visualization",
]
