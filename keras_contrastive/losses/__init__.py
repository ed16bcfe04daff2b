"""Contrastive losses: `keras.losses.Loss` objects on one primitive."""

from keras_contrastive.losses.barlow_twins_loss import BarlowTwinsLoss
from keras_contrastive.losses.clip_distillation_loss import CLIPDistillationLoss
from keras_contrastive.losses.clip_loss import CLIPLoss
from keras_contrastive.losses.contrastive_loss import ContrastiveLoss
from keras_contrastive.losses.decoupled_nt_xent_loss import DecoupledNTXentLoss
from keras_contrastive.losses.dino_loss import DINOLoss
from keras_contrastive.losses.embedding_loss import EmbeddingLoss
from keras_contrastive.losses.info_nce import info_nce
from keras_contrastive.losses.lejepa_loss import LeJEPALoss
from keras_contrastive.losses.logit_blocks import logsumexp_blocks
from keras_contrastive.losses.negative_cosine_similarity import (
    NegativeCosineSimilarity,
)
from keras_contrastive.losses.nt_xent_loss import NTXentLoss
from keras_contrastive.losses.queue_info_nce_loss import QueueInfoNCELoss
from keras_contrastive.losses.siglip_loss import SigLIPLoss
from keras_contrastive.losses.soft_target_clip_loss import SoftTargetCLIPLoss
from keras_contrastive.losses.supcon_loss import SupConLoss
from keras_contrastive.losses.swav_loss import SwAVLoss
from keras_contrastive.losses.vicreg_loss import VICRegLoss
from keras_contrastive.normalization import l2_normalize

__all__ = [
    "BarlowTwinsLoss",
    "CLIPDistillationLoss",
    "CLIPLoss",
    "ContrastiveLoss",
    "DINOLoss",
    "DecoupledNTXentLoss",
    "EmbeddingLoss",
    "LeJEPALoss",
    "NTXentLoss",
    "NegativeCosineSimilarity",
    "QueueInfoNCELoss",
    "SigLIPLoss",
    "SoftTargetCLIPLoss",
    "SupConLoss",
    "SwAVLoss",
    "VICRegLoss",
    "info_nce",
    "l2_normalize",
    "logsumexp_blocks",
]
