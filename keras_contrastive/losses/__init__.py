"""Contrastive losses: `keras.losses.Loss` objects on one primitive."""

from keras_contrastive.losses.clip_loss import CLIPLoss
from keras_contrastive.losses.contrastive_loss import ContrastiveLoss
from keras_contrastive.losses.nt_xent_loss import NTXentLoss
from keras_contrastive.losses.siglip_loss import SigLIPLoss
from keras_contrastive.losses.supcon_loss import SupConLoss

__all__ = [
    "CLIPLoss",
    "ContrastiveLoss",
    "NTXentLoss",
    "SigLIPLoss",
    "SupConLoss",
]
