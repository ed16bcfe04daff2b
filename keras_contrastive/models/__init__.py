"""Contrastive models and encoders for them."""

from keras_contrastive.encoders import BagOfWords
from keras_contrastive.encoders import CLIPResNet
from keras_contrastive.encoders import ConvNet
from keras_contrastive.encoders import ConvNet3D
from keras_contrastive.encoders import ConvNeXt
from keras_contrastive.encoders import ResNet
from keras_contrastive.encoders import ResNet18
from keras_contrastive.encoders import ResNet34
from keras_contrastive.encoders import ResNet50
from keras_contrastive.encoders import TextTransformer
from keras_contrastive.encoders import VisionTransformer
from keras_contrastive.encoders import pooled
from keras_contrastive.encoders import with_channels
from keras_contrastive.export.clip_benchmark import for_clip_benchmark
from keras_contrastive.export.export_onnx import export_onnx
from keras_contrastive.models.byol_model import BYOLModel
from keras_contrastive.models.clip_distillation_model import (
    CLIPDistillationModel,
)
from keras_contrastive.models.clip_ensemble import clip_ensemble
from keras_contrastive.models.clip_model import CLIPModel
from keras_contrastive.models.contrastive_model import ContrastiveModel
from keras_contrastive.models.dino_model import DINOModel
from keras_contrastive.models.distillation_model import DistillationModel
from keras_contrastive.models.dual_encoder_model import DualEncoderModel
from keras_contrastive.models.joint_embedding_model import JointEmbeddingModel
from keras_contrastive.models.moco_model import MoCoModel
from keras_contrastive.models.nnclr_model import NNCLRModel
from keras_contrastive.models.simclr_model import SimCLRModel
from keras_contrastive.models.simsiam_model import SimSiamModel
from keras_contrastive.models.slip_model import SLIPModel
from keras_contrastive.models.swav_model import SwAVModel
from keras_contrastive.pretrained.encoder_checkpoint import from_checkpoint

__all__ = [
    "BYOLModel",
    "BagOfWords",
    "CLIPDistillationModel",
    "CLIPModel",
    "CLIPResNet",
    "ContrastiveModel",
    "ConvNet",
    "ConvNet3D",
    "ConvNeXt",
    "DINOModel",
    "DualEncoderModel",
    "DistillationModel",
    "JointEmbeddingModel",
    "MoCoModel",
    "NNCLRModel",
    "ResNet",
    "ResNet18",
    "ResNet34",
    "ResNet50",
    "SLIPModel",
    "SimCLRModel",
    "SimSiamModel",
    "SwAVModel",
    "TextTransformer",
    "VisionTransformer",
    "clip_ensemble",
    "export_onnx",
    "for_clip_benchmark",
    "from_checkpoint",
    "pooled",
    "with_channels",
]
