"""`embed`: images to vectors."""

from keras_contrastive.cli.channels import Channels
from keras_contrastive.cli.images import load_images
from keras_contrastive.cli.output import check_writable
from keras_contrastive.cli.run_folder import RunFolder
from keras_contrastive.cli.sources import find_images
from keras_contrastive.cli.sources import relative_name
from keras_contrastive.cli.vectors_file import check_replaceable
from keras_contrastive.cli.vectors_file import write_vectors


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
    labels = None if found.labels is None else found.labels[loaded.places]
    write_vectors(
        args.output,
        [relative_name(each, found.folder) for each in loaded.names],
        embeddings,
        labels,
        found.class_names,
    )
    print(f"{args.output}: {len(embeddings):,} x {embeddings.shape[1]}")


def embed_images(model, images, verbose="auto"):
    """Embeddings of images, one per row, by either kind of model."""
    if hasattr(model, "encode_image"):
        outputs = model.predict({"images": images}, 128, verbose)
        return outputs["image_embeddings"]
    return model.predict(images, 128, verbose)
