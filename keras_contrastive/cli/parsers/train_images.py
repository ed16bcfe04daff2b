"""Learn a representation of images without labels.

SOURCE is a folder of images, in subfolders if you like, or a table of their
paths, or Parquet with the images themselves. If subfolders are classes, or
--label-column names a column of them, these color the report; training does not
see them. The run folder gets model.keras, history.csv and report.html. If a run
is interrupted, the same command resumes it after the last finished epoch.

    keras-contrastive train {name} ~/photographs
    keras-contrastive train {name} birds.csv --image-column file
    keras-contrastive embed ~/photographs --model runs/{name}
"""

from keras_contrastive.cli.parsers.arguments import add_command
from keras_contrastive.cli.parsers.arguments import add_training
from keras_contrastive.cli.parsers.arguments import positive_number
from keras_contrastive.cli.parsers.source import add_source

# How the papers call the methods.
TITLES = {
    "simclr": "SimCLR",
    "moco": "MoCo v2, whose negatives wait in a queue",
    "byol": "BYOL, which has a slow teacher and no negatives",
    "simsiam": "SimSiam, which has neither teacher nor negatives",
    "nnclr": "NNCLR, whose positives are nearest neighbors",
    "swav": "SwAV, which predicts clusters",
    "dino": "DINO, which predicts a teacher's classes",
}
# Those of SimCLR that need no labels and two views.
LOSSES = ("nt_xent", "decoupled", "barlow_twins", "vicreg", "lejepa")


def add_parsers(commands):
    for name, title in TITLES.items():
        help_text = __doc__.replace("{name}", name).replace(
            "without labels.", f"without labels, by {title}.", 1
        )
        parser = add_command(commands, name, help_text)
        add_source(parser, labels=True)
        add_training(parser, f"runs/{name}")
        parser.set_defaults(
            command="train_images", method=name, loss=None, temperature=None
        )
        if name == "simclr":
            parser.add_argument(
                "--loss",
                choices=LOSSES,
                default="nt_xent",
                help="(%(default)s)",
            )
            parser.add_argument(
                "--temperature",
                type=positive_number,
                metavar="X",
                help="of the losses nt_xent and decoupled (0.2)",
            )
