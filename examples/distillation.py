"""A small encoder learns from a larger one, beside the same one alone.

    python examples/distillation.py --data-dir ~/tensorflow_datasets

A teacher trains by SimCLR on images of CIFAR-10 without labels. Then two
students of a ninth of its weights train for the same number of steps: one by
SimCLR, one by distillation from the teacher. kNN tells how much of the classes
each has learned. Runs on any backend. `--seeds 0 1 2` repeats the students.
"""

import argparse
from pathlib import Path

import keras
import numpy as np

import keras_contrastive as kc

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--data-dir", help="prepared tensorflow-datasets folder")
parser.add_argument("--output", default="runs/distillation", type=Path)
parser.add_argument("--images", default=5120, type=int)
parser.add_argument("--teacher-epochs", default=12, type=int)
parser.add_argument("--epochs", default=6, type=int, help="of a student")
parser.add_argument("--loss", default="clip", help="of DistillationModel")
parser.add_argument("--seeds", default=[0], type=int, nargs="+")
args = parser.parse_args()

SIZE, BATCH_SIZE = 32, 128
train, labels = kc.datasets.cifar10(
    f"train[:{args.images}]", data_dir=args.data_dir
)
test, truth = kc.datasets.cifar10("test[:2000]", data_dir=args.data_dir)


def augmenter():
    return kc.layers.simclr_augmentation("cifar10", SIZE, SIZE)


def encoder(width):
    return kc.models.ConvNet(width, 3, (SIZE, SIZE, 3))


def fit(model, epochs, loss):
    steps = epochs * (args.images // BATCH_SIZE)
    model.compile(
        keras.optimizers.Adam(
            kc.optimizers.warmup_cosine(2e-3, steps, warmup_steps=steps // 10)
        ),
        loss,
    )
    model.fit(train, batch_size=BATCH_SIZE, epochs=epochs, verbose=2)


def knn(model):
    features, found = (
        model.predict(images, batch_size=256, verbose=0)
        for images in (train, test)
    )
    predicted = kc.evaluation.knn_classify(features, labels, found, k=20)
    return float((predicted == truth).mean())


keras.utils.set_random_seed(0)
teacher = kc.SimCLRModel(encoder(24), augmenter=augmenter())
fit(teacher, args.teacher_epochs, kc.losses.NTXentLoss(temperature=0.2))
scores = {"random init": [], "SimCLR": [], "distilled": []}
for seed in args.seeds:
    keras.utils.set_random_seed(seed)
    alone = kc.SimCLRModel(encoder(8), augmenter=augmenter())
    alone.compile()
    scores["random init"].append(knn(alone))
    fit(alone, args.epochs, kc.losses.NTXentLoss(temperature=0.2))
    scores["SimCLR"].append(knn(alone))
    keras.utils.set_random_seed(seed)
    student = kc.DistillationModel(
        encoder(8), augmenter=augmenter(), teacher=teacher.encoder
    )
    fit(student, args.epochs, args.loss)
    scores["distilled"].append(knn(student))

table = [
    "| encoder | kNN |",
    "|---|---|",
    f"| teacher, {args.teacher_epochs} epochs | {knn(teacher):.1%} |",
]
for name, values in scores.items():
    each = ", ".join(f"{value:.1%}" for value in values)
    table.append(f"| student, {name} | {np.mean(values):.1%} ({each}) |")
args.output.mkdir(parents=True, exist_ok=True)
(args.output / "results.md").write_text("\n".join(table) + "\n")
print("\n".join(table))
