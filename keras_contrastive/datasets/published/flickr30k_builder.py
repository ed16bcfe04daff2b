"""The builder of Flickr30k. Importing it needs TensorFlow Datasets."""

import os

import numpy as np
import tensorflow_datasets as tfds

from keras_contrastive.datasets.bad_records import BadRecords
from keras_contrastive.datasets.files.image_files import load_image
from keras_contrastive.datasets.published.flickr30k_files import INSTRUCTIONS
from keras_contrastive.datasets.published.flickr30k_records import (
    flickr30k_records,
)
from keras_contrastive.datasets.published.flickr30k_records import split_names


class Flickr30k(tfds.core.GeneratorBasedBuilder):
    """Photographs with five captions each. See `kc.datasets.flickr30k`."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "Initial release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = INSTRUCTIONS

    def __init__(
        self,
        *,
        manual_dir: str | os.PathLike | None = None,
        max_bad_fraction: float = 0.01,
        **kwargs,
    ):
        self._manual_dir = manual_dir
        self._max_bad_fraction = max_bad_fraction
        super().__init__(**kwargs)

    def _info(self):
        return tfds.core.DatasetInfo(
            builder=self,
            description="31,783 photographs of everyday scenes from Flickr, "
            "each described by five people.",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(encoding_format="jpeg"),
                    "captions": tfds.features.Sequence(tfds.features.Text()),
                    "image_id": tfds.features.Scalar(np.int64),
                    "filename": tfds.features.Text(),
                }
            ),
            homepage="https://shannon.cs.illinois.edu/DenotationGraph/",
            citation=CITATION,
        )

    def _split_generators(self, dl_manager):
        folder = self._manual_dir or dl_manager.manual_dir
        splits = split_names(folder, self._max_bad_fraction)
        return {
            split: self._generate_examples(folder, split) for split in splits
        }

    def _generate_examples(self, folder, split):
        records = flickr30k_records(folder, split, self._max_bad_fraction)
        bad_records = BadRecords(
            f"images of the split {split!r} cannot be read",
            len(records),
            self._max_bad_fraction,
        )
        for image, captions, image_id in records:
            name = os.path.basename(image)
            try:
                # Find damaged images now, not in the middle of a training run.
                load_image(image, 32)
            except (OSError, ValueError) as error:
                bad_records.add(name, str(error)[:200])
                bad_records.check()
                continue
            yield (
                name,
                {
                    "image": image,
                    "captions": list(captions),
                    "image_id": image_id,
                    "filename": name,
                },
            )
        bad_records.warn("They are left out.")


CITATION = """\
@article{young2014image,
  title={From image descriptions to visual denotations: New similarity metrics
    for semantic inference over event descriptions},
  author={Young, Peter and Lai, Alice and Hodosh, Micah and Hockenmaier, Julia},
  journal={Transactions of the Association for Computational Linguistics},
  volume={2},
  pages={67--78},
  year={2014}
}"""
