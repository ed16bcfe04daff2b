"""Learn a representation of images without labels.

DIR holds images, in subfolders if you like. If its subfolders are classes,
these colour the report; training does not see them. The run folder gets
model.keras, history.csv and report.html. Interrupted, the same command goes on
after the last finished epoch.

    python -m keras_contrastive train simclr ~/photographs
    python -m keras_contrastive embed ~/photographs
"""

import keras

from keras_contrastive import datasets
from keras_contrastive import metrics
from keras_contrastive.cli.arguments import add_command
from keras_contrastive.cli.arguments import add_training
from keras_contrastive.cli.arguments import positive_number
from keras_contrastive.cli.defaults import build_encoder
from keras_contrastive.cli.defaults import choose_settings
from keras_contrastive.cli.defaults import fits_in_memory
from keras_contrastive.cli.defaults import has_accelerator
from keras_contrastive.cli.defaults import loaded_size
from keras_contrastive.cli.held_out import every_image
from keras_contrastive.cli.images import max_bad_fraction
from keras_contrastive.cli.report import write_report
from keras_contrastive.cli.run_folder import RunFolder
from keras_contrastive.losses.nt_xent_loss import NTXentLoss
from keras_contrastive.models.simclr_model import SimCLRModel
from keras_contrastive.optimizers.learning_rate import warmup_cosine


def add_parser(commands):
    parser = add_command(commands, "simclr", __doc__)
    add_training(parser, "runs/simclr")
    parser.add_argument(
        "--temperature",
        type=positive_number,
        default=0.2,
        metavar="X",
        help="of the loss (%(default)s)",
    )
    parser.set_defaults(run=run)


def run(args):
    folder = RunFolder(args.run_folder)
    folder.check_unfinished()
    folder.forget_start()
    source = args.folder.resolve()
    split = folder.split()
    if split is None:
        split = every_image(datasets.image_folder(source).paths)
    paths = [record.image for record in split.train]
    chosen = choose_settings(args, split.num_train, has_accelerator())
    settings = {
        "model": "simclr",
        "folder": str(source),
        "num_images": split.num_train,
        **chosen._asdict(),
        "learning_rate": args.learning_rate,
        "temperature": args.temperature,
        "seed": args.seed,
    }
    folder.check_settings(settings)
    print(f"{len(paths):,} images: {chosen}")
    keras.utils.set_random_seed(args.seed)
    dataset = datasets.ImageDataset(
        paths,
        chosen.batch_size,
        loaded_size(chosen.image_size),
        seed=args.seed,
        cache=fits_in_memory(len(paths), chosen.image_size),
        max_bad_fraction=max_bad_fraction(len(paths)),
    )
    model = SimCLRModel(build_encoder(chosen.encoder, chosen.image_size))
    steps = chosen.epochs * len(dataset)
    model.compile(
        keras.optimizers.Adam(
            warmup_cosine(args.learning_rate, steps, warmup_steps=steps // 10)
        ),
        NTXentLoss(args.temperature),
        [
            metrics.ContrastiveAccuracy(),
            metrics.Alignment(),
            metrics.Uniformity(),
            metrics.EffectiveRank(),
        ],
    )
    with folder.training(settings, split):
        model.fit(
            dataset,
            epochs=chosen.epochs,
            callbacks=[dataset.follow_epochs(), *folder.callbacks()],
        )
        folder.save(model)
        write_report(folder)
