"""Learn a joint embedding of images and captions{title}.

SOURCE is a folder of images with captions: a file captions.csv with the columns
image (relative to SOURCE) and caption, one caption per row; or dog.txt beside
dog.jpg, one caption per line. Or it is a table of paths and captions, or
Parquet with the images themselves. A tenth of the images (at least two, at most
1,000) is held out, to measure how often captions retrieve their image. The
command writes model.keras, tokenizer.json, history.csv and report.html into the
folder RUN. If it is interrupted, the same command resumes after the last
finished epoch.

    keras-contrastive train {name} ~/photographs
    keras-contrastive search ~/photographs "a dog in the snow" \\
        --model runs/{name}
"""

from keras_contrastive.cli.parsers.arguments import add_command
from keras_contrastive.cli.parsers.arguments import add_training
from keras_contrastive.cli.parsers.arguments import path
from keras_contrastive.cli.parsers.source import add_source

# What the help adds for each method.
TITLES = {"clip": "", "slip": ", with SimCLR on the images"}


def add_parsers(commands):
    for name, title in TITLES.items():
        help_text = __doc__.replace("{name}", name).replace("{title}", title)
        parser = add_command(commands, name, help_text)
        add_source(parser, captions=True)
        add_training(parser, f"runs/{name}")
        parser.add_argument(
            "--captions",
            type=path,
            metavar="FILE",
            help=".csv or .tsv with the columns image and caption (default: "
            "captions.csv in the folder SOURCE, or .txt files)",
        )
        parser.add_argument(
            "--loss",
            choices=("clip", "siglip"),
            default="clip",
            help="loss to train with (default: clip)",
        )
        parser.set_defaults(command="train_clip", method=name)
