"""Images to vectors, in one .npz file.

SOURCE is a folder of images, or a table. The file holds `paths` (from SOURCE,
or from the folder of the table), `embeddings` (one row an image), and, where
subfolders are classes or --label-column names a column, `labels` and
`class_names`. With a SimCLR model the rows are its representation, with CLIP
its normalized image embedding.

    python -m keras_contrastive embed ~/photographs --output vectors.npz
    python -c 'import numpy; print(numpy.load("vectors.npz")["embeddings"])'
"""

import os
from pathlib import Path

import keras
import numpy as np

from keras_contrastive.cli.arguments import add_command
from keras_contrastive.cli.arguments import add_model
from keras_contrastive.cli.arguments import path
from keras_contrastive.cli.channels import Channels
from keras_contrastive.cli.images import load_images
from keras_contrastive.cli.output import check_writable
from keras_contrastive.cli.run_folder import RunFolder
from keras_contrastive.cli.sources import add_source
from keras_contrastive.cli.sources import find_images
from keras_contrastive.cli.sources import relative_name


def add_parser(commands):
    parser = add_command(commands, "embed", __doc__)
    add_source(parser, labels=True)
    add_model(parser, "runs/simclr")
    parser.add_argument(
        "--output",
        type=path,
        default=Path("embeddings.npz"),
        metavar="FILE",
        help="(%(default)s)",
    )
    parser.set_defaults(run=run)


def run(args):
    run_folder = RunFolder(args.model)
    settings = run_folder.settings()
    check_writable(args.output, "--output")
    check_replaceable(args.output)
    channels = Channels.of(settings)
    found = find_images(args, settings, channels)
    loaded = load_images(found.records, settings["image_size"], channels)
    model = keras.models.load_model(run_folder.model)
    embeddings = embed_images(model, loaded.images)
    arrays = {
        "paths": [relative_name(each, found.folder) for each in loaded.names],
        "embeddings": embeddings,
    }
    if found.labels is not None:
        arrays["labels"] = found.labels[loaded.places]
        arrays["class_names"] = found.class_names
    args.output.parent.mkdir(parents=True, exist_ok=True)
    # If interrupted, the existing file is kept.
    temporary = args.output.with_name(f".{args.output.name}.tmp")
    with temporary.open("wb") as file:
        np.savez(file, **arrays)
    os.replace(temporary, args.output)
    print(f"{args.output}: {len(embeddings):,} x {embeddings.shape[1]}")


def check_replaceable(output):
    """Raises if there is a file that this command has not written."""
    if not output.exists():
        return
    try:
        with np.load(output) as file:
            is_ours = {"paths", "embeddings"} <= set(file.files)
    # For other files, NumPy returns an array or raises one of several errors.
    except Exception:
        is_ours = False
    if not is_ours:
        raise ValueError(
            f"--output must be a new file, or one that embed has written. "
            f"Received: {output}"
        )


def embed_images(model, images, batch_size=128):
    """Embeddings of images, one per row, by either kind of model."""
    if hasattr(model, "encode_image"):
        outputs = model.predict({"images": images}, batch_size=batch_size)
        return outputs["image_embeddings"]
    return model.predict(images, batch_size=batch_size)
