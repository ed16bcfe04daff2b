"""CIFAR-10 in one small file, for machines without TensorFlow.

    python benchmarks/gpu/pack_cifar10.py --data-dir ~/tensorflow_datasets

Writes `--output`, an .npz for `train_cifar10.py`: of each split the encoded
images as tensorflow-datasets holds them, one after the other, where each ends,
and the labels.
"""

import argparse
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--data-dir", help="prepared tensorflow-datasets folder")
parser.add_argument("--output", default="runs/cifar10.npz", type=Path)
parser.add_argument("--images", type=int, help="of each split; all by default")


def main(args):
    arrays = {}
    part = "" if args.images is None else f"[:{args.images}]"
    for split in ("train", "test"):
        examples = tfds.as_numpy(
            tfds.load(
                "cifar10",
                split=split + part,
                data_dir=args.data_dir,
                decoders={"image": tfds.decode.SkipDecoding()},
            )
        )
        encoded, labels = zip(
            *((one["image"], one["label"]) for one in examples), strict=True
        )
        arrays[f"{split}_bytes"] = np.frombuffer(b"".join(encoded), "uint8")
        arrays[f"{split}_ends"] = np.cumsum([len(image) for image in encoded])
        arrays[f"{split}_labels"] = np.array(labels, "uint8")
    args.output.parent.mkdir(parents=True, exist_ok=True)
    # JPEG files begin alike, which deflating them takes away.
    np.savez_compressed(args.output, **arrays)
    print(f"{args.output}: {args.output.stat().st_size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main(parser.parse_args())
