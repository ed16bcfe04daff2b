"""`serve`: search in a browser, on this computer."""

import threading

from keras_contrastive import text
from keras_contrastive.cli.channels import Channels
from keras_contrastive.cli.contact_sheet import PIXELS
from keras_contrastive.cli.embedding import embed_images
from keras_contrastive.cli.embedding import embed_records
from keras_contrastive.cli.embedding import embed_texts
from keras_contrastive.cli.images import picture_reader
from keras_contrastive.cli.run_folder import WITH_CAPTIONS
from keras_contrastive.cli.run_folder import RunFolder
from keras_contrastive.cli.search_site import Collection
from keras_contrastive.cli.search_site import import_web
from keras_contrastive.cli.search_site import make_app
from keras_contrastive.cli.sources import find_images
from keras_contrastive.cli.sources import relative_name
from keras_contrastive.datasets.files.pixel_reader import PixelReader
from keras_contrastive.evaluation.checks import normalize_rows
from keras_contrastive.visualization.figure import select_shown
from keras_contrastive.visualization.figure import to_pictures

HOST = "127.0.0.1"  # not reachable from other computers


def run(args):
    uvicorn = import_web("uvicorn")
    collection = read_collection(args)
    print(f"http://{HOST}:{args.port}  (Ctrl-C ends it)", flush=True)
    uvicorn.run(
        make_app(collection, args.source.name or str(args.source)),
        host=HOST,
        port=args.port,
        log_level="warning",
    )


def read_collection(args) -> Collection:
    """Embeds the images of the source for the search."""
    run_folder = RunFolder(args.model)
    settings = run_folder.settings()
    channels = Channels.of(settings)
    found = find_images(args, settings, channels)
    model = run_folder.load_model()
    rows, places, names = embed_records(
        model, found.records, settings["image_size"], channels
    )
    read_original = picture_reader(found.records, channels, PIXELS)
    one_at_a_time = threading.Lock()  # `predict` is not thread-safe.
    read_input = PixelReader(settings["image_size"], **channels.reading()).read

    def read(index):
        picture = read_original(places[index])
        shown, _ = select_shown(picture[None], channels.rgb_channels)
        return to_pictures("images", shown)[0]

    def encode_image(content):
        images = read_input(content)[None]
        with one_at_a_time:
            return embed_images(model, images, 0)[0]

    encode_text = None
    if settings["model"] in WITH_CAPTIONS:
        tokenizer = text.CaptionTokenizer.load(run_folder.tokenizer)

        def encode_text(sentence):
            with one_at_a_time:
                return embed_texts(model, tokenizer, [sentence])[0]

    return Collection(
        [relative_name(each, found.folder) for each in names],
        normalize_rows(rows),
        read,
        encode_image,
        encode_text,
    )
