"""Learn to classify images from few labels, with the encoder of a run.

SOURCE is a folder whose subfolders are the classes, or a table with a column of
classes (--label-column). --model is the run of another train command, which
needs no labels: train it on all of your images first. A linear layer on its
encoder learns the classes, then both are fine-tuned. A fifth of the images is
held out to measure the accuracy.

    keras-contrastive train simclr ~/photographs
    keras-contrastive train classifier ~/labeled --model runs/simclr
    keras-contrastive classify ~/photographs
"""

from keras_contrastive.cli.parsers.arguments import add_command
from keras_contrastive.cli.parsers.arguments import add_force
from keras_contrastive.cli.parsers.arguments import add_model
from keras_contrastive.cli.parsers.arguments import add_run_folder
from keras_contrastive.cli.parsers.arguments import add_seed
from keras_contrastive.cli.parsers.arguments import integer
from keras_contrastive.cli.parsers.arguments import positive_number
from keras_contrastive.cli.parsers.source import add_source


def add_parser(commands):
    parser = add_command(commands, "classifier", __doc__)
    add_source(parser, labels="which the classifier learns")
    add_model(parser, "runs/simclr")
    add_run_folder(parser, "runs/classifier")
    parser.add_argument(
        "--epochs",
        type=integer(0),
        metavar="N",
        help="epochs of fine-tuning; 0 trains only the linear layer (default: "
        "about 300 steps)",
    )
    parser.add_argument(
        "--batch-size",
        type=integer(2),
        metavar="N",
        help="images per step (default: 64, or a quarter of the images)",
    )
    parser.add_argument(
        "--learning-rate",
        type=positive_number,
        default=1e-3,
        metavar="X",
        help="peak learning rate of fine-tuning (default: %(default)s)",
    )
    add_seed(parser)
    add_force(parser)
    parser.set_defaults(command="train_classifier")
