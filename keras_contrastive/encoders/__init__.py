"""Encoders: map images or texts to one vector each."""

from keras_contrastive.encoders.bag_of_words import BagOfWords
from keras_contrastive.encoders.clip_resnet import CLIPResNet
from keras_contrastive.encoders.conv_net import ConvNet
from keras_contrastive.encoders.conv_net_3d import ConvNet3D
from keras_contrastive.encoders.conv_next import ConvNeXt
from keras_contrastive.encoders.pooled import pooled
from keras_contrastive.encoders.resnet import ResNet
from keras_contrastive.encoders.resnet import ResNet18
from keras_contrastive.encoders.resnet import ResNet34
from keras_contrastive.encoders.resnet import ResNet50
from keras_contrastive.encoders.text_transformer import TextTransformer
from keras_contrastive.encoders.vision_transformer import VisionTransformer
from keras_contrastive.encoders.with_channels import with_channels

__all__ = [
    "BagOfWords",
    "CLIPResNet",
    "ConvNet",
    "ConvNet3D",
    "ConvNeXt",
    "ResNet",
    "ResNet18",
    "ResNet34",
    "ResNet50",
    "TextTransformer",
    "VisionTransformer",
    "pooled",
    "with_channels",
]
