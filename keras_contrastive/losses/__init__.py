"""Contrastive losses: `keras.losses.Loss` objects on one primitive."""

from keras_contrastive.losses.nt_xent_loss import NTXentLoss

__all__ = ["NTXentLoss"]
