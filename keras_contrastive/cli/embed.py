"""`embed`: images to vectors."""

import os

import numpy as np

from keras_contrastive.cli.channels import Channels
from keras_contrastive.cli.images import load_images
from keras_contrastive.cli.output import check_writable
from keras_contrastive.cli.run_folder import RunFolder
from keras_contrastive.cli.sources import find_images
from keras_contrastive.cli.sources import relative_name


def run(args):
    run_folder = RunFolder(args.model)
    settings = run_folder.settings()
    check_writable(args.output, "--output")
    check_replaceable(args.output)
    channels = Channels.of(settings)
    found = find_images(args, settings, channels)
    loaded = load_images(found.records, settings["image_size"], channels)
    model = run_folder.load_model()
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


def embed_images(model, images, verbose="auto"):
    """Embeddings of images, one per row, by either kind of model."""
    if hasattr(model, "encode_image"):
        outputs = model.predict({"images": images}, 128, verbose)
        return outputs["image_embeddings"]
    return model.predict(images, 128, verbose)
