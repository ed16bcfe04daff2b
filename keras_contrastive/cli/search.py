"""Find images by a sentence.

Prints the images most similar to each sentence, and leaves a contact sheet. The
model is one of `train clip`; DIR may be another folder than it was trained on.

    python -m keras_contrastive search ~/photographs "a dog in the snow"
"""

from pathlib import Path

import keras
import numpy as np

from keras_contrastive import datasets
from keras_contrastive import text
from keras_contrastive import visualization
from keras_contrastive.cli.arguments import add_command
from keras_contrastive.cli.arguments import add_model
from keras_contrastive.cli.embed import embed_images
from keras_contrastive.cli.images import load_images
from keras_contrastive.cli.run_folder import RunFolder


def add_parser(commands):
    parser = add_command(commands, "search", __doc__)
    parser.add_argument("folder", type=Path, metavar="DIR", help="of images")
    parser.add_argument("sentences", nargs="+", metavar="SENTENCE")
    add_model(parser, "runs/clip")
    parser.add_argument(
        "-k", type=int, default=5, help="images to show (%(default)s)"
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("search.png"),
        metavar="FILE",
        help="contact sheet (%(default)s)",
    )
    parser.set_defaults(run=run)


def run(args):
    run_folder = RunFolder(args.model)
    settings = run_folder.settings()
    if settings["model"] != "clip":
        raise ValueError(
            f"{args.model} must be a run of `train clip`: only that model "
            f"knows sentences. Received: a {settings['model']} model"
        )
    paths = datasets.image_folder(args.folder).paths
    images, places = load_images(paths, settings["image_size"])
    model = keras.models.load_model(run_folder.model)
    tokenizer = text.CaptionTokenizer.load(run_folder.tokenizer)
    image_embeddings = embed_images(model, images)
    text_embeddings = model.predict(
        {"texts": tokenizer(args.sentences)}, verbose=0
    )["text_embeddings"]
    for sentence, similarity in zip(
        args.sentences, text_embeddings @ image_embeddings.T, strict=True
    ):
        print(f"\n{sentence}")
        for i in np.argsort(-similarity)[: args.k]:
            print(f"  {similarity[i]:.3f}  {paths[places[i]]}")
    visualization.plot_retrieval(
        images,
        args.sentences,
        image_embeddings,
        text_embeddings,
        k=args.k,
        queries=range(len(args.sentences)),
        path=args.output,
    )
    print(f"\nContact sheet: {args.output}")
