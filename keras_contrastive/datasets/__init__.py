"""Data sets and input pipelines."""

from keras_contrastive.datasets.captioned_image import CaptionedImage
from keras_contrastive.datasets.files.image_folder import ImageFolder
from keras_contrastive.datasets.files.image_folder import captioned_folder
from keras_contrastive.datasets.files.image_folder import image_folder
from keras_contrastive.datasets.pipeline.channel_statistics import (
    ChannelStatistics,
)
from keras_contrastive.datasets.pipeline.channel_statistics import (
    channel_statistics,
)
from keras_contrastive.datasets.pipeline.image_dataset import ImageDataset
from keras_contrastive.datasets.pipeline.image_text_dataset import (
    ImageTextDataset,
)
from keras_contrastive.datasets.pipeline.load_image_text import ImageTextArrays
from keras_contrastive.datasets.pipeline.load_image_text import load_image_text
from keras_contrastive.datasets.procedural.shapes import Shapes
from keras_contrastive.datasets.procedural.shapes import shapes
from keras_contrastive.datasets.procedural.solids import Solids
from keras_contrastive.datasets.procedural.solids import solids
from keras_contrastive.datasets.procedural.sounds import Sounds
from keras_contrastive.datasets.procedural.sounds import sounds
from keras_contrastive.datasets.procedural.waveforms import Waveforms
from keras_contrastive.datasets.procedural.waveforms import waveforms
from keras_contrastive.datasets.published.cifar10 import cifar10
from keras_contrastive.datasets.published.flickr30k import flickr30k
from keras_contrastive.datasets.published.flickr30k_records import (
    flickr30k_records,
)
from keras_contrastive.datasets.shards.image_shards import image_shards
from keras_contrastive.datasets.shards.image_stream import image_stream
from keras_contrastive.datasets.shards.image_stream import image_text_stream
from keras_contrastive.datasets.shards.image_text_shards import (
    image_text_shards,
)
from keras_contrastive.datasets.tables.image_records import ImageRecords
from keras_contrastive.datasets.tables.open_image_records import image_records

__all__ = [
    "CaptionedImage",
    "ChannelStatistics",
    "ImageDataset",
    "ImageFolder",
    "ImageRecords",
    "ImageTextArrays",
    "ImageTextDataset",
    "Shapes",
    "Sounds",
    "Solids",
    "Waveforms",
    "captioned_folder",
    "channel_statistics",
    "cifar10",
    "flickr30k",
    "flickr30k_records",
    "image_folder",
    "image_records",
    "image_shards",
    "image_stream",
    "image_text_shards",
    "image_text_stream",
    "load_image_text",
    "shapes",
    "sounds",
    "solids",
    "waveforms",
]
