"""`search`: finds images by a sentence."""

import re

import numpy as np

from keras_contrastive import text
from keras_contrastive.cli.channels import Channels
from keras_contrastive.cli.contact_sheet import DPI
from keras_contrastive.cli.contact_sheet import PAGES
from keras_contrastive.cli.contact_sheet import PIXELS
from keras_contrastive.cli.contact_sheet import make_pages
from keras_contrastive.cli.contact_sheet import page_path
from keras_contrastive.cli.contact_sheet import plot_page
from keras_contrastive.cli.embedding import embed_records
from keras_contrastive.cli.embedding import embed_texts
from keras_contrastive.cli.images import picture_reader
from keras_contrastive.cli.output import check_outside
from keras_contrastive.cli.output import check_writable
from keras_contrastive.cli.run_folder import WITH_CAPTIONS
from keras_contrastive.cli.run_folder import RunFolder
from keras_contrastive.cli.sources import find_images
from keras_contrastive.visualization.figure import new_figure
from keras_contrastive.visualization.figure import select_shown
from keras_contrastive.visualization.figure import to_pictures

SIGNATURE = "keras_contrastive search"  # in the sheet's metadata
WORD = re.compile(r"\w+")
PIECE = 3  # average bytes per token of a known word, at least


def run(args):
    run_folder = RunFolder(args.model)
    settings = run_folder.settings()
    if settings["model"] not in WITH_CAPTIONS:
        raise ValueError(
            f"{args.model} must be a run of `train clip` or `train slip`: "
            "only these models embed sentences. Received: a "
            f"{settings['model']} model"
        )
    for sheet in (page_path(args.output, page) for page in range(PAGES)):
        check_writable(sheet, "--output")
        check_sheet(sheet)
    check_outside(args.output, args.source, "--output")
    channels = Channels.of(settings)
    found = find_images(args, settings, channels)
    tokenizer = text.CaptionTokenizer.load(run_folder.tokenizer)
    model = run_folder.load_model()
    image_embeddings, places, names = embed_records(
        model, found.records, settings["image_size"], channels
    )
    text_embeddings = embed_texts(model, tokenizer, args.sentences)
    similarities = text_embeddings @ image_embeddings.T
    for sentence, similarity in zip(args.sentences, similarities, strict=True):
        print(f"\n{sentence}")
        unknown = unknown_words(sentence, tokenizer)
        if len(unknown) == len({*WORD.findall(sentence)}):
            print("  (None of the words is frequent in the captions: guessed.)")
        elif unknown:
            print(f"  (Not frequent in the captions: {', '.join(unknown)}.)")
        for i in np.argsort(-similarity)[: args.k]:
            print(f"  {similarity[i]:.3f}  {names[i]}")

    read_original = picture_reader(found.records, channels, PIXELS)
    _, shown = select_shown(
        read_original(places[0])[None], channels.rgb_channels
    )

    def read(index):
        picture = read_original(places[index])
        pictures, _ = select_shown(picture[None], channels.rgb_channels)
        return to_pictures("images", pictures)[0]

    pages = make_pages(args.sentences, similarities, args.k)
    print()
    for index, rows in enumerate(pages):
        sheet = page_path(args.output, index)
        save_sheet(plot_page(rows, names, read), sheet)
        print(f"Contact sheet: {sheet}" + f" ({shown})" * bool(shown))
    for index in range(len(pages), PAGES):
        # Written by an earlier search, as `check_sheet` has verified.
        page_path(args.output, index).unlink(missing_ok=True)
    num_shown = sum(len(row.hits) for rows in pages for row in rows)
    num_found = len(args.sentences) * min(args.k, len(names))
    if num_shown < num_found:
        print(f"The sheets show the first {num_shown} of {num_found} results.")


def unknown_words(sentence, tokenizer):
    """The words that the tokenizer splits into short tokens.

    Its vocabulary holds the frequent words of the captions, and parts of rarer
    words.
    """
    special = [tokenizer.pad_id, tokenizer.start_id, tokenizer.end_id]
    unknown = []
    for word in dict.fromkeys(WORD.findall(sentence)):
        pieces = np.sum(~np.isin(tokenizer([word]), special))
        if pieces > max(1, len(word.encode()) // PIECE):
            unknown.append(word)
    return unknown


def check_sheet(output):
    """Raises if the format is unknown or another file would be replaced."""
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
    figure.savefig(output, dpi=DPI, metadata=metadata)
