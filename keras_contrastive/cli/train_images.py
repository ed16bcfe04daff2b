"""`train simclr` and other methods: images without labels."""

from collections.abc import Callable
from typing import NamedTuple

import keras

from keras_contrastive import datasets
from keras_contrastive import metrics
from keras_contrastive.accelerator import has_accelerator
from keras_contrastive.cli.channels import Channels
from keras_contrastive.cli.defaults import build_encoder
from keras_contrastive.cli.defaults import choose_settings
from keras_contrastive.cli.defaults import fits_in_memory
from keras_contrastive.cli.defaults import learning_rate_schedule
from keras_contrastive.cli.defaults import loaded_size
from keras_contrastive.cli.held_out import every_image
from keras_contrastive.cli.held_out import every_record
from keras_contrastive.cli.images import max_bad_fraction
from keras_contrastive.cli.output import check_outside
from keras_contrastive.cli.run_folder import RunFolder
from keras_contrastive.cli.sources import columns_of
from keras_contrastive.cli.sources import location_of
from keras_contrastive.cli.sources import open_records
from keras_contrastive.cli.sources import settings_of_source
from keras_contrastive.cli.training import train
from keras_contrastive.layers.image_augmentation.default_augmenters import (
    dino_augmenter,
)
from keras_contrastive.layers.image_augmentation.default_augmenters import (
    simclr_augmenter,
)
from keras_contrastive.layers.image_augmentation.default_augmenters import (
    swav_augmenter,
)
from keras_contrastive.losses.decoupled_nt_xent_loss import DecoupledNTXentLoss
from keras_contrastive.losses.nt_xent_loss import NTXentLoss
from keras_contrastive.models.byol_model import BYOLModel
from keras_contrastive.models.dino_model import DINOModel
from keras_contrastive.models.moco_model import MoCoModel
from keras_contrastive.models.nnclr_model import NNCLRModel
from keras_contrastive.models.simclr_model import SimCLRModel
from keras_contrastive.models.simsiam_model import SimSiamModel
from keras_contrastive.models.swav_model import SwAVModel


class Method(NamedTuple):
    """A method of the command line.

    Attributes:
        model: The class of its model.
        arguments: Function from the batch size and the number of steps of the
            whole run to a dict of the model's arguments.
        augmenter: Function from the encoder and the indices of red, green and
            blue, or `None`, to the augmenter.
    """

    model: type[keras.Model]
    arguments: Callable
    augmenter: Callable = simclr_augmenter


METHODS = {
    "simclr": Method(SimCLRModel, lambda batch_size, steps: {}),
    "moco": Method(
        MoCoModel,
        lambda batch_size, steps: {"queue_size": queue_size(batch_size, steps)},
    ),
    "byol": Method(
        BYOLModel,
        lambda batch_size, steps: {"total_steps": steps},
    ),
    "simsiam": Method(
        SimSiamModel,
        lambda batch_size, steps: {},
    ),
    "nnclr": Method(
        NNCLRModel,
        lambda batch_size, steps: {"queue_size": queue_size(batch_size, steps)},
    ),
    "swav": Method(
        SwAVModel,
        lambda batch_size, steps: {"num_prototypes": min(512, 2 * batch_size)},
        swav_augmenter,
    ),
    "dino": Method(
        DINOModel,
        lambda batch_size, steps: {"num_prototypes": 512, "total_steps": steps},
        dino_augmenter,
    ),
}
WITH_TEMPERATURE = {"nt_xent": NTXentLoss, "decoupled": DecoupledNTXentLoss}


def queue_size(batch_size, steps):
    """The queue size: 4,096, or the batches of half the steps if smaller."""
    return min(4096, batch_size * max(1, steps // 2))


def choose_loss(args):
    """The loss for `compile`, and the settings that name it."""
    if args.loss not in WITH_TEMPERATURE:
        if args.temperature is not None:
            raise ValueError(
                "--temperature is for --loss nt_xent and decoupled. Received: "
                f"--temperature {args.temperature} with --loss {args.loss}"
            )
        return args.loss, {"loss": args.loss} if args.loss else {}
    temperature = 0.2 if args.temperature is None else args.temperature
    settings = {"temperature": temperature}
    if args.loss != "nt_xent":  # runs of earlier versions did not store it
        settings["loss"] = args.loss
    return WITH_TEMPERATURE[args.loss](temperature), settings


def choose_images(args, folder, columns, channels):
    """The images of the run in the folder, or all those of the source."""
    split = None if args.force else folder.split()
    if split is not None:
        return split
    if not channels.reads_rgb:  # checkpoints are .npz files
        check_outside(folder.path, args.source, "--output")
    source = location_of(args.source)
    if columns is not None:
        return every_record(open_records(source, columns))
    return every_image(
        datasets.image_folder(source, not channels.reads_rgb).paths
    )


def build_model(method, chosen, channels, num_steps):
    """The model of a run that starts with `num_steps` steps."""
    encoder = build_encoder(chosen.encoder, chosen.image_size, channels.number)
    return method.model(
        encoder,
        augmenter=method.augmenter(encoder, channels.rgb_channels),
        **method.arguments(chosen.batch_size, num_steps),
    )


def compile_model(model, loss, learning_rate, num_steps):
    schedule = learning_rate_schedule(learning_rate, num_steps)
    model.compile(
        keras.optimizers.Adam(schedule),
        loss,
        [
            metrics.ContrastiveAccuracy(),
            metrics.Alignment(),
            metrics.Uniformity(),
            metrics.EffectiveRank(),
        ],
    )


def run(args):
    channels = Channels.of_arguments(args)
    folder = RunFolder(args.run_folder)
    with folder.prepared():
        run_in(folder, args, channels)


def run_in(folder, args, channels):
    """Starts or resumes the run in its folder."""
    columns = columns_of(args, channels)
    source = {
        "model": args.method,
        **settings_of_source(location_of(args.source), columns),
    }
    if not args.force:
        folder.check_source(source)
    split = choose_images(args, folder, columns, channels)
    chosen = choose_settings(args, split.num_train, has_accelerator())
    loss, loss_settings = choose_loss(args)
    settings = {
        **source,
        "num_images": split.num_train,
        **chosen._asdict(),
        "learning_rate": args.learning_rate,
        **loss_settings,
        "seed": args.seed,
        **channels.settings(),
    }
    if not args.force:
        folder.check_settings(settings)
    print(f"{len(split.train):,} images: {chosen}")
    keras.utils.set_random_seed(args.seed)
    dataset = datasets.ImageDataset(
        split.train,
        chosen.batch_size,
        loaded_size(chosen.image_size),
        seed=args.seed,
        cache=fits_in_memory(len(split.train), chosen.image_size, channels),
        max_bad_fraction=max_bad_fraction(len(split.train)),
        **channels.reading(),
    )
    # A run that is trained further, or without images that are gone, keeps the
    # size of its queue.
    first_epochs = folder.first_epochs(chosen.epochs, args.force)
    first_steps = first_epochs * (split.num_train // chosen.batch_size)
    model = build_model(METHODS[args.method], chosen, channels, first_steps)
    num_steps = chosen.epochs * len(dataset)
    compile_model(model, loss, args.learning_rate, num_steps)
    if args.force:
        folder.restart()
    with folder.training(settings, split):
        train(model, dataset, settings, folder)
