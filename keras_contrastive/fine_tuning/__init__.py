"""Fine-tuning: adapters, frozen blocks, layer-wise rates, interpolation."""

from keras_contrastive.fine_tuning.blocks import blocks
from keras_contrastive.fine_tuning.blocks import freeze_blocks
from keras_contrastive.fine_tuning.interpolation import interpolate_weights
from keras_contrastive.fine_tuning.interpolation import interpolation_curve
from keras_contrastive.fine_tuning.layer_decay import layer_decay
from keras_contrastive.fine_tuning.linear_classifier import linear_classifier
from keras_contrastive.fine_tuning.lora import enable_lora
from keras_contrastive.fine_tuning.lora import merge_lora
from keras_contrastive.fine_tuning.unfreeze import unfreeze

__all__ = [
    "blocks",
    "enable_lora",
    "freeze_blocks",
    "interpolate_weights",
    "interpolation_curve",
    "layer_decay",
    "linear_classifier",
    "merge_lora",
    "unfreeze",
]
