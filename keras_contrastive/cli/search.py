"""`search`: finds images by a sentence."""

import numpy as np

from keras_contrastive import text
from keras_contrastive import visualization
from keras_contrastive.cli.channels import Channels
from keras_contrastive.cli.embed import embed_images
from keras_contrastive.cli.images import load_images
from keras_contrastive.cli.output import check_writable
from keras_contrastive.cli.run_folder import WITH_CAPTIONS
from keras_contrastive.cli.run_folder import RunFolder
from keras_contrastive.cli.sources import find_images
from keras_contrastive.text.caption_tokenizer import SPECIAL_TOKENS
from keras_contrastive.visualization.figure import new_figure
from keras_contrastive.visualization.figure import select_shown

SHEET = 20  # sentences, and images of each, on the contact sheet
SIGNATURE = "keras_contrastive search"  # in the sheet's metadata
# The ids below it are single bytes, which every vocabulary has.
NUM_BYTE_TOKENS = 256 + len(SPECIAL_TOKENS)


def run(args):
    run_folder = RunFolder(args.model)
    settings = run_folder.settings()
    if settings["model"] not in WITH_CAPTIONS:
        raise ValueError(
            f"{args.model} must be a run of `train clip` or `train slip`: "
            "only these models know sentences. Received: a "
            f"{settings['model']} model"
        )
    check_writable(args.output, "--output")
    check_sheet(args.output)
    channels = Channels.of(settings)
    found = find_images(args, settings, channels)
    images, _, names = load_images(
        found.records, settings["image_size"], channels
    )
    model = run_folder.load_model()
    tokenizer = text.CaptionTokenizer.load(run_folder.tokenizer)
    image_embeddings = embed_images(model, images)
    tokens = tokenizer(args.sentences)
    text_embeddings = model.predict({"texts": tokens}, verbose=0)[
        "text_embeddings"
    ]
    for sentence, ids, similarity in zip(
        args.sentences,
        tokens,
        text_embeddings @ image_embeddings.T,
        strict=True,
    ):
        print(f"\n{sentence}")
        if ids.max() < NUM_BYTE_TOKENS:
            print("  (No word of it is frequent in the captions: a guess.)")
        for i in np.argsort(-similarity)[: args.k]:
            print(f"  {similarity[i]:.3f}  {names[i]}")
    num_sentences = min(len(args.sentences), SHEET)
    pictures, shown = select_shown(images, channels.rgb_channels)
    figure = visualization.plot_retrieval(
        pictures,
        args.sentences,
        image_embeddings,
        text_embeddings,
        k=min(args.k, SHEET),
        queries=range(num_sentences),
    )
    save_sheet(figure, args.output)
    print(f"\nContact sheet: {args.output}" + f" ({shown})" * bool(shown))
    if max(args.k, len(args.sentences)) > SHEET:
        print(f"It shows {SHEET} sentences and images of each, at most.")


def check_sheet(output):
    """Raises unless a figure can be saved there without replacing a file."""
    formats = new_figure(1, 1).canvas.get_supported_filetypes()
    if output.suffix[1:].lower() not in formats:
        raise ValueError(
            f"--output must end in one of .{', .'.join(sorted(formats))}. "
            f"Received: {output}"
        )
    if output.exists() and SIGNATURE.encode() not in output.read_bytes():
        raise ValueError(
            "--output must be a new file, or a .png, .pdf or .svg that search "
            f"has written. Received: {output}"
        )


def save_sheet(figure, output):
    signed = output.suffix.lower() in (".png", ".pdf", ".svg")
    metadata = {"Title": SIGNATURE} if signed else None
    output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(output, dpi=150, metadata=metadata)
