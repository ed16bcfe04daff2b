"""Keras layers for contrastive learning."""

from keras_contrastive.layers.batch_normalization import BatchNormalization
from keras_contrastive.layers.center import Center
from keras_contrastive.layers.dropout import Dropout
from keras_contrastive.layers.feature_queue import FeatureQueue
from keras_contrastive.layers.image_augmentation.byol_augmentation import (
    byol_augmentation,
)
from keras_contrastive.layers.image_augmentation.dino_augmentation import (
    dino_augmentation,
)
from keras_contrastive.layers.image_augmentation.image_pipeline import (
    ImagePipeline,
)
from keras_contrastive.layers.image_augmentation.random_apply import RandomApply
from keras_contrastive.layers.image_augmentation.random_channel_dropout import (
    RandomChannelDropout,
)
from keras_contrastive.layers.image_augmentation.random_color_jitter import (
    RandomColorJitter,
)
from keras_contrastive.layers.image_augmentation.random_flip import RandomFlip
from keras_contrastive.layers.image_augmentation.random_gaussian_blur import (
    RandomGaussianBlur,
)
from keras_contrastive.layers.image_augmentation.random_gaussian_noise import (
    RandomGaussianNoise,
)
from keras_contrastive.layers.image_augmentation.random_grayscale import (
    RandomGrayscale,
)
from keras_contrastive.layers.image_augmentation.random_resized_crop import (
    RandomResizedCrop,
)
from keras_contrastive.layers.image_augmentation.random_solarize import (
    RandomSolarize,
)
from keras_contrastive.layers.image_augmentation.simclr_augmentation import (
    simclr_augmentation,
)
from keras_contrastive.layers.image_augmentation.swav_augmentation import (
    swav_augmentation,
)
from keras_contrastive.layers.logit_scale import LogitScale
from keras_contrastive.layers.momentum_encoder import MomentumEncoder
from keras_contrastive.layers.multi_crop import MultiCrop
from keras_contrastive.layers.multi_view import MultiView
from keras_contrastive.layers.patch_dropout import PatchDropout
from keras_contrastive.layers.patch_features import PatchFeatures
from keras_contrastive.layers.projection_head import ProjectionHead
from keras_contrastive.layers.prototypes import Prototypes
from keras_contrastive.layers.signal_augmentation.random_signal_crop import (
    RandomSignalCrop,
)
from keras_contrastive.layers.signal_augmentation.random_signal_jitter import (
    RandomSignalJitter,
)
from keras_contrastive.layers.signal_augmentation.random_signal_mask import (
    RandomSignalMask,
)
from keras_contrastive.layers.signal_augmentation.random_signal_scale import (
    RandomSignalScale,
)
from keras_contrastive.layers.signal_augmentation.spectrogram_mask import (
    RandomSpectrogramMask,
)
from keras_contrastive.layers.volume_augmentation.random_volume_crop import (
    RandomVolumeCrop,
)
from keras_contrastive.layers.volume_augmentation.random_volume_flip import (
    RandomVolumeFlip,
)
from keras_contrastive.layers.volume_augmentation.random_volume_intensity import (  # noqa: E501
    RandomVolumeIntensity,
)
from keras_contrastive.layers.volume_augmentation.random_volume_noise import (
    RandomVolumeNoise,
)

__all__ = [
    "BatchNormalization",
    "Center",
    "Dropout",
    "FeatureQueue",
    "ImagePipeline",
    "LogitScale",
    "MomentumEncoder",
    "MultiCrop",
    "MultiView",
    "PatchDropout",
    "PatchFeatures",
    "ProjectionHead",
    "Prototypes",
    "RandomApply",
    "RandomChannelDropout",
    "RandomColorJitter",
    "RandomFlip",
    "RandomGaussianBlur",
    "RandomGaussianNoise",
    "RandomGrayscale",
    "RandomResizedCrop",
    "RandomSignalCrop",
    "RandomSignalJitter",
    "RandomSignalMask",
    "RandomSignalScale",
    "RandomSolarize",
    "RandomSpectrogramMask",
    "RandomVolumeCrop",
    "RandomVolumeFlip",
    "RandomVolumeIntensity",
    "RandomVolumeNoise",
    "byol_augmentation",
    "dino_augmentation",
    "simclr_augmentation",
    "swav_augmentation",
]
