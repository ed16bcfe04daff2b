"""CLIP in three minutes, on images and captions made on the spot.

    make quickstart

Trains on pictures of colored shapes with captions such as "a red star", from
which a quarter of the combinations of shape and color were left out, and then
names just these: a red star, after red circles and green stars.
"""

import argparse
from pathlib import Path

import keras
import numpy as np

import keras_contrastive as kc

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--output", default="runs/quickstart", type=Path)
parser.add_argument("--images", default=16384, type=int)
parser.add_argument("--epochs", default=4, type=int)
args = parser.parse_args()

keras.utils.set_random_seed(0)
size, batch_size = 48, 128
train = kc.datasets.shapes(args.images, size, seed=0)
test = kc.datasets.shapes(4000, size, seed=1)
colors = kc.datasets.shapes(1, size, label="color").class_names
names = [f"{color} {shape}" for shape in test.class_names for color in colors]
# Of each shape two colors, of each color two shapes.
unseen = np.array([(i // 8 + i % 8) % 4 == 0 for i in range(64)])


def class_of(data):
    return 8 * data.factors["shape"] + data.factors["color"]


# Whole batches of what is not held out.
rows = np.flatnonzero(~unseen[class_of(train)])
rows = rows[: len(rows) // batch_size * batch_size]
classes = class_of(train)[rows]
captions = [f"a {names[i]}" for i in classes]
tokenizer = kc.text.train_tokenizer(captions, 512, context_length=8)

model = kc.CLIPModel(
    kc.models.ConvNet(width=16, num_stages=3, input_shape=(size, size, 3)),
    kc.models.BagOfWords(tokenizer.vocabulary_size, width=64),
    projection_dim=64,
)
steps = args.epochs * (len(rows) // batch_size)
model.compile(
    keras.optimizers.AdamW(
        kc.optimizers.warmup_cosine(2e-3, steps, warmup_steps=steps // 10),
        weight_decay=0.1,
    )
)
kc.optimizers.exclude_from_weight_decay(model)
model.fit(
    {
        "images": train.images[rows],
        "texts": tokenizer(captions),
        # Pictures of one caption are not each other's negatives.
        "image_ids": classes,
    },
    batch_size=batch_size,
    epochs=args.epochs,
)

weights = kc.evaluation.zero_shot_weights(
    lambda texts: model.encode_text(tokenizer(texts)), names, ["a {}"]
)
images = model.predict({"images": test.images}, verbose=0)["image_embeddings"]
labels = class_of(test)


def accuracy(of, among):
    """Zero-shot, of the images of some classes, given the names of some."""
    found = kc.evaluation.zero_shot_classify(
        images[of[labels]], weights[:, among]
    )
    return (np.flatnonzero(among)[found] == labels[of[labels]]).mean()


shown = [np.argmax(labels == i) for i in np.flatnonzero(unseen)]
kc.visualization.plot_similarity(
    images[shown],
    weights[:, unseen].T,
    test.images[shown],
    [names[i] for i in np.flatnonzero(unseen)],
    image_index=np.arange(len(shown)),
    path=args.output / "zero_shot.png",
)
every = np.ones(64, bool)
table = [
    "| zero-shot over shape x color | among its own | among all 64 |",
    "|---|---|---|",
    f"| 16 combinations never captioned in training | "
    f"{accuracy(unseen, unseen):.1%} | {accuracy(unseen, every):.1%} |",
    f"| 48 others | {accuracy(~unseen, ~unseen):.1%} | "
    f"{accuracy(~unseen, every):.1%} |",
]
(args.output / "clip.md").write_text("\n".join(table) + "\n")
print("\n".join(table), f"\nzero_shot.png is in {args.output}/")
