"""Embeds the images of a folder with Ray Data, on one machine or a cluster.

    pip install 'ray[data]'
    python examples/embed_with_ray.py ~/photographs vectors \
        --model runs/simclr --workers 2

The model is a run of `keras-contrastive train`. Each worker loads it once; Ray
hands out the images and writes a folder of Parquet files. `ray start` on each
machine of a cluster and `--address auto` make the same of many. The run, the
images and the output must then lie where all machines see them.
"""

import argparse
import json
from pathlib import Path

import keras
import numpy as np
import pyarrow
import ray

import keras_contrastive as kc

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("folder", type=Path)
parser.add_argument("output", type=Path)
parser.add_argument("--model", default="runs/simclr", type=Path)
parser.add_argument("--workers", default=2, type=int)
parser.add_argument("--gpus", default=0, type=float, help="of each worker")
parser.add_argument("--address", help="of a cluster; default: this machine")
args = parser.parse_args()


class Embedder:
    """Turns a batch of paths into a batch of paths and vectors."""

    def __init__(self, run):
        self.model = keras.models.load_model(run / "model.keras")
        self.image_size = json.loads((run / "run.json").read_text())[
            "image_size"
        ]

    def __call__(self, batch):
        # The path goes along as a caption: images that cannot be read are left
        # out, with a warning.
        paths = list(batch["image"])
        loaded = kc.datasets.load_image_text(
            [{"image": path, "captions": [path]} for path in paths],
            self.image_size,
            max_bad_fraction=0.99,
            verbose=False,
        )
        if hasattr(self.model, "encode_image"):
            inputs = {"images": loaded.images}
            vectors = self.model.predict(inputs, verbose=0)["image_embeddings"]
        else:
            vectors = self.model.predict(loaded.images, verbose=0)
        # Lists, which every reader of Parquet knows: Ray's own tensors are not.
        columns = {
            "image": loaded.captions,
            "embedding": pyarrow.FixedSizeListArray.from_arrays(
                np.ravel(vectors), vectors.shape[1]
            ),
        }
        return pyarrow.table(columns)


ray.init(address=args.address)
paths = kc.datasets.image_folder(args.folder.resolve()).paths
(
    ray.data.from_items([{"image": str(path)} for path in paths])
    .map_batches(
        Embedder,
        fn_constructor_args=[args.model.resolve()],
        batch_size=256,
        concurrency=args.workers,
        num_gpus=args.gpus,
    )
    .write_parquet(str(args.output.resolve()))
)
index = kc.index.EmbeddingIndex.from_parquet(args.output)
print(f"{args.output}: {len(index):,} x {index.embeddings.shape[1]}")
