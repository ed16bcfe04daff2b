"""SimCLR on CIFAR-10: train without labels, then ask what was learnt.

    python examples/simclr_cifar10.py --data-dir ~/tensorflow_datasets

Runs on any backend (`KERAS_BACKEND=jax python examples/...`). The defaults are
sized for two CPU cores; `--width 64 --epochs 200 --batch-size 512` is the usual
recipe for a GPU. Everything it makes lies in `--output`: the model, the
history, the table and two pictures. After an interruption, the same command
with `--resume` continues, and ends as it would have ended.

On AMD CPUs TensorFlow leaves its oneDNN kernels off; TF_ENABLE_ONEDNN_OPTS=1
turns them on, which made a training step 1.5 times faster where we measured.
"""

import argparse
from pathlib import Path

import keras

import keras_contrastive as kc

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--data-dir", help="prepared tensorflow-datasets folder")
parser.add_argument("--output", default="runs/simclr_cifar10", type=Path)
parser.add_argument("--epochs", default=8, type=int)
parser.add_argument("--batch-size", default=256, type=int)
parser.add_argument("--width", default=16, type=int, help="first stage")
# The paper's 0.5 learns less in so few epochs: docs/results.md.
parser.add_argument("--temperature", default=0.2, type=float)
parser.add_argument("--images", default=50_000, type=int, help="to train on")
parser.add_argument("--seed", default=0, type=int)
parser.add_argument("--resume", action="store_true", help="go on")
args = parser.parse_args()

keras.utils.set_random_seed(args.seed)
args.output.mkdir(parents=True, exist_ok=True)
train = kc.datasets.cifar10(f"train[:{args.images}]", data_dir=args.data_dir)
test = kc.datasets.cifar10("test", data_dir=args.data_dir)

# Whole batches only: a smaller last one has fewer negatives, and JAX would
# compile the step for it anew.
steps = len(train[0]) // args.batch_size
images, labels = (array[: steps * args.batch_size] for array in train)

encoder = kc.models.ResNet18(stem="cifar", width=args.width)
dim = encoder.output_shape[-1]
model = kc.SimCLRModel(
    encoder,
    projector=kc.layers.ProjectionHead(dim, 128, output_batch_norm=True),
    num_classes=10,  # a linear probe that learns along, for the progress bar
)
momentum, weight_decay = 0.9, 5e-4
model.compile(
    optimizer=keras.optimizers.SGD(
        kc.optimizers.warmup_cosine(
            0.06 * args.batch_size / 128, args.epochs * steps
        ),
        momentum=momentum,
        # Keras decays the weights beside the momentum, the recipe through it,
        # where each step's decay goes on acting 1 / (1 - momentum) times.
        weight_decay=weight_decay / (1 - momentum),
    ),
    loss=kc.losses.NTXentLoss(args.temperature),
)


def representation(images):
    return model.predict(images, batch_size=args.batch_size)


def evaluate():
    """kNN and linear accuracy of the representations, on the test set."""
    (train_x, train_y), (test_x, test_y) = train, test
    train_x, test_x = representation(train_x), representation(test_x)
    k = min(200, len(train_x))
    knn = kc.evaluation.knn_classify(train_x, train_y, test_x, k=k)
    probe = kc.evaluation.linear_probe(train_x, train_y, test_x, test_y)
    return (knn == test_y).mean(), probe["accuracy"]


results = {"random init": evaluate()}
model.fit(
    images,
    labels,
    batch_size=args.batch_size,
    epochs=args.epochs,
    callbacks=[
        # If interrupted, --resume continues from here.
        kc.callbacks.Checkpoint(
            args.output / "checkpoints", every_n_steps=100, resume=args.resume
        ),
        keras.callbacks.CSVLogger(args.output / "history.csv", append=True),
    ],
)
results["SimCLR"] = evaluate()
model.save(args.output / "model.keras")

kc.visualization.plot_views(
    test[0][:8],
    model.multi_view,
    path=args.output / "views.png",
)
kc.visualization.plot_embeddings(
    representation(test[0][:2000]),
    test[1][:2000],
    class_names="airplane automobile bird cat deer dog frog horse ship "
    "truck".split(),
    path=args.output / "embeddings.png",
)
table = ["| features | kNN | linear probe |", "|---|---|---|"] + [
    f"| {name} | {knn:.1%} | {linear:.1%} |"
    for name, (knn, linear) in results.items()
]
(args.output / "results.md").write_text("\n".join(table) + "\n")
print("\n".join(table), f"\nModel, history and pictures: {args.output}/")
