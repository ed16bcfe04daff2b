"""A small CLIP learns from a larger one, beside the same one alone.

    python examples/distil_clip.py --seeds 0 1 2

A teacher trains on many pictures of shapes with captions. Then a student of an
eighth of its weights trains on few of them, alone and with the teacher, for the
same number of steps. Prints how often new pictures find their captions among
500, and captions their pictures. Runs on any backend.
"""

import argparse
from pathlib import Path

import keras
import numpy as np

import keras_contrastive as kc

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--output", default="runs/distil_clip", type=Path)
parser.add_argument("--teacher-images", default=4096, type=int)
parser.add_argument("--teacher-epochs", default=10, type=int)
parser.add_argument("--images", default=1024, type=int, help="of a student")
parser.add_argument("--epochs", default=20, type=int, help="of a student")
parser.add_argument("--seeds", default=[0], type=int, nargs="+")
args = parser.parse_args()

SIZE, TEST = 32, 500
train = kc.datasets.shapes(args.teacher_images, SIZE)
test = kc.datasets.shapes(TEST, SIZE, seed=1)
tokenizer = kc.text.train_tokenizer(train.captions, 512, context_length=24)


def towers(width):
    return (
        kc.models.ConvNet(width, 3, (SIZE, SIZE, 3)),
        kc.models.BagOfWords(tokenizer.vocabulary_size, 4 * width),
        64,
    )


def fit(model, count, epochs):
    model.compile(keras.optimizers.Adam(3e-3))
    images, captions = train.images[:count], train.captions[:count]
    x = {"images": images, "texts": tokenizer(captions)}
    model.fit(x, batch_size=128, epochs=epochs, verbose=0)
    return model


def recalls(model):
    x = {"images": test.images, "texts": tokenizer(test.captions)}
    embeddings = model.predict(x, verbose=0)
    found = kc.evaluation.retrieval_recall(
        embeddings["image_embeddings"],
        embeddings["text_embeddings"],
        np.arange(TEST),
        ks=(10,),
    )
    return list(found.values())


keras.utils.set_random_seed(0)
teacher = kc.CLIPModel(*towers(16))
fit(teacher, args.teacher_images, args.teacher_epochs)
scores = {
    "teacher": [recalls(teacher)],
    "student, alone": [],
    "student, distilled": [],
}
for seed in args.seeds:
    keras.utils.set_random_seed(seed)
    alone = kc.CLIPModel(*towers(5))
    scores["student, alone"].append(
        recalls(fit(alone, args.images, args.epochs))
    )
    keras.utils.set_random_seed(seed)
    student = kc.CLIPDistillationModel(*towers(5), teacher=teacher)
    scores["student, distilled"].append(
        recalls(fit(student, args.images, args.epochs))
    )

table = [
    "| model | image to text R@10 | text to image R@10 |",
    "|---|---|---|",
]
for name, each in scores.items():
    cells = [
        f"{np.mean(r):.1%} ({', '.join(f'{x:.1%}' for x in r)})"
        for r in zip(*each, strict=True)
    ]
    table.append(f"| {name} | {' | '.join(cells)} |")
args.output.mkdir(parents=True, exist_ok=True)
(args.output / "results.md").write_text("\n".join(table) + "\n")
print("\n".join(table))
