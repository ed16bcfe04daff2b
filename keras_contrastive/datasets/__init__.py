"""Data to learn from."""

from keras_contrastive.datasets.cifar10 import cifar10
from keras_contrastive.datasets.shapes import Shapes
from keras_contrastive.datasets.shapes import shapes

__all__ = ["Shapes", "cifar10", "shapes"]
