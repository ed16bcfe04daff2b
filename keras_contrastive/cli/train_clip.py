"""`train clip` and `train slip`: joint embeddings of images and captions."""

import keras

from keras_contrastive import callbacks
from keras_contrastive import datasets
from keras_contrastive import layers
from keras_contrastive import text
from keras_contrastive.accelerator import has_accelerator
from keras_contrastive.cli.channels import Channels
from keras_contrastive.cli.defaults import build_encoder
from keras_contrastive.cli.defaults import choose_settings
from keras_contrastive.cli.defaults import fits_in_memory
from keras_contrastive.cli.defaults import learning_rate_schedule
from keras_contrastive.cli.defaults import loaded_size
from keras_contrastive.cli.held_out import hold_out
from keras_contrastive.cli.images import load_records
from keras_contrastive.cli.images import max_bad_fraction
from keras_contrastive.cli.output import check_outside
from keras_contrastive.cli.run_folder import RunFolder
from keras_contrastive.cli.sources import captions_of
from keras_contrastive.cli.sources import columns_of
from keras_contrastive.cli.sources import location_of
from keras_contrastive.cli.sources import open_records
from keras_contrastive.cli.sources import settings_of_source
from keras_contrastive.cli.training import train
from keras_contrastive.encoders.bag_of_words import BagOfWords
from keras_contrastive.encoders.text_transformer import TextTransformer
from keras_contrastive.layers.image_augmentation.default_augmenters import (
    simclr_augmenter,
)
from keras_contrastive.models.clip_model import CLIPModel
from keras_contrastive.models.slip_model import SLIPModel
from keras_contrastive.optimizers.weight_decay import exclude_from_weight_decay

# A transformer would memorize up to this number of captions.
FEW_CAPTIONS = 100_000


def make_clip(image_encoder, text_encoder, rgb_channels, **arguments):
    return CLIPModel(image_encoder, text_encoder, **arguments)


def make_slip(image_encoder, text_encoder, rgb_channels, **arguments):
    return SLIPModel(
        image_encoder,
        text_encoder,
        # The paper's projector has width 4,096, for larger encoders.
        projector=layers.ProjectionHead(1024, 256, num_layers=3),
        view_augmenter=simclr_augmenter(image_encoder, rgb_channels),
        **arguments,
    )


METHODS = {"clip": make_clip, "slip": make_slip}


def build_text_encoder(tokenizer, num_captions):
    if num_captions <= FEW_CAPTIONS:
        return BagOfWords(tokenizer.vocabulary_size, width=256, dropout=0.3)
    return TextTransformer(
        tokenizer.vocabulary_size,
        tokenizer.end_id,
        context_length=tokenizer.context_length,
        width=256,
        num_layers=4,
        num_heads=4,
    )


def color_jitter(channels):
    """Jitters saturation and hue only if the images have colors."""
    has_colors = channels.number == 3 or channels.rgb_channels is not None
    return layers.RandomColorJitter(
        *((0.2, 0.2, 0.2, 0.05) if has_colors else (0.2, 0.2, 0, 0)),
        probability=0.8,
        rgb_channels=channels.rgb_channels,
    )


def choose_pairs(args, folder, columns, channels):
    """The pairs of the run in the folder, or those of the source, split."""
    source = location_of(args.source)
    if args.captions and columns is not None:
        raise ValueError(
            "--captions is for folders. Received: --captions "
            f"{args.captions} with the table {args.source}"
        )
    split = None if args.force else folder.split()
    if split is not None:
        return split
    if not channels.reads_rgb:  # checkpoints are .npz files
        check_outside(folder.path, args.source, "--output")
    if columns is not None:
        return hold_out(open_records(source, columns))
    return hold_out(
        datasets.captioned_folder(
            source, args.captions, arrays=not channels.reads_rgb
        )
    )


def choose_tokenizer(args, folder, captions):
    """The tokenizer of the run in the folder, or a new one.

    Training it again would change the ids of tokens if captions are gone.
    """
    if folder.has_begun() and not args.force:
        return text.CaptionTokenizer.load(folder.tokenizer)
    return text.train_tokenizer(captions, 4096, context_length=32)


def build_model(method, chosen, channels, tokenizer, num_captions):
    size = chosen.image_size
    return METHODS[method](
        build_encoder(chosen.encoder, size, channels.number),
        build_text_encoder(tokenizer, num_captions),
        channels.rgb_channels,
        projection_dim=256,
        # Stronger than CLIP's augmentation: CLIP saw each image a few times.
        augmenter=keras.layers.Pipeline(
            [
                layers.RandomResizedCrop(size, size, scale=(0.3, 1.0)),
                layers.RandomFlip(),
                color_jitter(channels),
            ]
        ),
    )


def compile_model(model, loss, learning_rate, num_steps):
    schedule = learning_rate_schedule(learning_rate, num_steps)
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=0.2, beta_2=0.98)
    model.compile(optimizer, loss)
    exclude_from_weight_decay(model)


def run(args):
    channels = Channels.of_arguments(args)
    folder = RunFolder(args.run_folder)
    with folder.prepared():
        run_in(folder, args, channels)


def run_in(folder, args, channels):
    """Starts or resumes the run in its folder."""
    columns = columns_of(args, channels, captions=True)
    source = {
        "model": args.method,
        **settings_of_source(location_of(args.source), columns),
    }
    if not args.force:
        folder.check_source(source)
    split = choose_pairs(args, folder, columns, channels)
    chosen = choose_settings(args, split.num_train, has_accelerator())
    size = chosen.image_size
    settings = {
        **source,
        "captions": args.captions and str(args.captions.resolve()),
        "num_images": split.num_train,
        **chosen._asdict(),
        "learning_rate": args.learning_rate,
        "loss": args.loss,
        "seed": args.seed,
        **channels.settings(),
    }
    if not args.force:
        folder.check_settings(settings)
    print(
        f"{len(split.train):,} images, {len(split.held_out):,} held out: "
        f"{chosen}"
    )
    test = load_records(split.held_out, size, channels)
    keras.utils.set_random_seed(args.seed)
    captions = captions_of(split.train)
    tokenizer = choose_tokenizer(args, folder, captions)
    dataset = datasets.ImageTextDataset(
        split.train,
        tokenizer,
        chosen.batch_size,
        loaded_size(size),
        seed=args.seed,
        cache=fits_in_memory(len(split.train), size, channels),
        max_bad_fraction=max_bad_fraction(len(split.train)),
        **channels.reading(),
    )
    num_captions = sum(map(len, captions)) + split.gone_captions
    model = build_model(args.method, chosen, channels, tokenizer, num_captions)
    num_steps = chosen.epochs * len(dataset)
    compile_model(model, args.loss, args.learning_rate, num_steps)
    retrieval = callbacks.RetrievalEvaluation(
        test.images, tokenizer(test.captions), test.image_index
    )
    if args.force:
        folder.restart()
    with folder.training(settings, split):
        if not folder.tokenizer.exists():
            tokenizer.save(folder.tokenizer)
        train(model, dataset, settings, folder, [retrieval])
