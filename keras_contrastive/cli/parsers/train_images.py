"""Learn a representation of images without labels.

SOURCE is a folder of images, in subfolders if you like, or a table of their
paths, or Parquet with the images themselves. If subfolders are classes, or
--label-column names a column of classes, the classes color the report; training
does not use them. The command writes model.keras, history.csv and report.html
into the folder RUN. If it is interrupted, the same command resumes after the
last finished epoch.

    keras-contrastive train {name} ~/photographs
    keras-contrastive train {name} birds.csv --image-column file
    keras-contrastive embed ~/photographs --model runs/{name}
"""

from keras_contrastive.cli.parsers.arguments import add_command
from keras_contrastive.cli.parsers.arguments import add_training
from keras_contrastive.cli.parsers.arguments import positive_number
from keras_contrastive.cli.parsers.source import add_source

# The names of the methods in their papers, and how they differ.
TITLES = {
    "simclr": "SimCLR",
    "moco": "MoCo v2, with a queue of negatives",
    "byol": "BYOL, with a momentum teacher and no negatives",
    "simsiam": "SimSiam, with neither teacher nor negatives",
    "nnclr": "NNCLR, with nearest neighbors as positives",
    "swav": "SwAV, by predicting clusters",
    "dino": "DINO, by predicting a teacher's output",
}
# Losses of `SimCLRModel` for two views without labels.
LOSSES = ("nt_xent", "decoupled", "barlow_twins", "vicreg", "lejepa")


def add_parsers(commands):
    for name, title in TITLES.items():
        help_text = __doc__.replace("{name}", name).replace(
            "without labels.", f"without labels: {title}.", 1
        )
        parser = add_command(commands, name, help_text)
        add_source(
            parser, labels="which color the report; training does not use them"
        )
        add_training(parser, f"runs/{name}")
        parser.set_defaults(
            command="train_images", method=name, loss=None, temperature=None
        )
        if name == "simclr":
            parser.add_argument(
                "--loss",
                choices=LOSSES,
                default="nt_xent",
                help="loss to train with (default: %(default)s)",
            )
            parser.add_argument(
                "--temperature",
                type=positive_number,
                metavar="X",
                help="temperature of the losses nt_xent and decoupled "
                "(default: 0.2)",
            )
