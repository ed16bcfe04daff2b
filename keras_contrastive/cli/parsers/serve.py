"""Search a folder in a browser, by image or, with CLIP, by sentence.

SOURCE is a folder of images, or a table. Its images are embedded once. Then a
page at http://127.0.0.1:PORT shows the images most similar to a sentence, to an
image that you click, or to one that you upload. Only this computer can open the
page, and no files are written. Ctrl-C stops the server. The command needs
`keras_contrastive[serve]`.

    keras-contrastive serve ~/photographs --model runs/clip
"""

from keras_contrastive.cli.parsers.arguments import add_command
from keras_contrastive.cli.parsers.arguments import add_model
from keras_contrastive.cli.parsers.arguments import integer
from keras_contrastive.cli.parsers.source import add_source


def add_parser(commands):
    parser = add_command(commands, "serve", __doc__)
    add_source(parser)
    add_model(parser, "runs/clip")
    parser.add_argument(
        "--port",
        type=integer(1, 65535),
        default=8000,
        metavar="N",
        help="port of the page (default: %(default)s)",
    )
    parser.set_defaults(command="serve")
