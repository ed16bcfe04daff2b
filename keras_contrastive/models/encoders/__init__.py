"""Encoders: images to one vector each."""

from keras_contrastive.models.encoders.resnet import ResNet
from keras_contrastive.models.encoders.resnet import ResNet18
from keras_contrastive.models.encoders.resnet import ResNet34
from keras_contrastive.models.encoders.resnet import ResNet50

__all__ = ["ResNet", "ResNet18", "ResNet34", "ResNet50"]
