"""Learn images and captions in one space{title}.

SOURCE is a folder of images with captions: a file captions.csv with the columns
image (the path from SOURCE) and caption, one row a caption; or dog.txt beside
dog.jpg, one line a caption. Or it is a table of paths and captions, or Parquet
with the images themselves. A tenth of the images (two at least, 1,000 at most)
is held out, to measure retrieval on. The run folder gets model.keras,
tokenizer.json, history.csv and report.html. If a run is interrupted, the same
command resumes it after the last finished epoch.

    keras-contrastive train {name} ~/photographs
    keras-contrastive search ~/photographs "a dog in the snow" \\
        --model runs/{name}
"""

from keras_contrastive.cli.parsers.arguments import add_command
from keras_contrastive.cli.parsers.arguments import add_training
from keras_contrastive.cli.parsers.arguments import path
from keras_contrastive.cli.parsers.source import add_source

# What the help adds for each method.
TITLES = {"clip": "", "slip": ", and the images by SimCLR too"}


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
            help=".csv or .tsv with the columns image and caption "
            "(captions.csv in the folder SOURCE, or .txt files)",
        )
        parser.add_argument(
            "--loss", choices=("clip", "siglip"), default="clip", help="(clip)"
        )
        parser.set_defaults(command="train_clip", method=name)
