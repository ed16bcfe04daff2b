"""Contrastive models and encoders for them."""

from keras_contrastive.models.encoders import ResNet
from keras_contrastive.models.encoders import ResNet18
from keras_contrastive.models.encoders import ResNet34
from keras_contrastive.models.encoders import ResNet50
from keras_contrastive.models.simclr_model import SimCLRModel

__all__ = ["ResNet", "ResNet18", "ResNet34", "ResNet50", "SimCLRModel"]
