"""How well `curation` finds faults that were planted.

    python benchmarks/curation.py --data-dir ~/tensorflow_datasets

On CIFAR-10, with the representations of a SimCLR model that trains here for a
few minutes: labels changed at random, test images that are changed copies of
training images, and a drawing, or an image whose rows are shuffled, added to
the photographs. On drawings with captions,
with a CLIP model that trains here on the faulty captions: captions swapped
between images. Each function sorts rows; of the first as many as were planted,
the share that is planted is both precision and recall there. Writes a table
into `benchmarks/results/`. One seed.
"""

import argparse
from pathlib import Path

import keras
import numpy as np

import keras_contrastive as kc

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--data-dir", help="prepared tensorflow-datasets folder")
parser.add_argument("--images", default=5_120, type=int)
parser.add_argument("--epochs", default=12, type=int)
parser.add_argument(
    "--results", default=Path(__file__).parent / "results", type=Path
)
args = parser.parse_args()
BATCH_SIZE = 256
SHARE = 0.05  # of wrong labels and captions
table = [
    "| fault | planted | of | found among the first as many | by chance |",
    "|---|---|---|---|---|",
]


def report(name, ranking, planted, total):
    """A line: how many of the first rows of a ranking are planted."""
    found = np.isin(ranking[: len(planted)], planted).mean()
    chance = len(planted) / total
    table.append(
        f"| {name} | {len(planted)} | {total:,} | {found:.1%} | {chance:.1%} |"
    )


def changed_copies(images, rng):
    """The images cropped by a pixel at each side, brighter, with noise."""
    crop = keras.layers.Resizing(32, 32)(images[:, 1:-1, 1:-1])
    crop = keras.ops.convert_to_numpy(crop)
    noisy = 1.1 * crop + rng.normal(0, 4, crop.shape)
    return np.clip(noisy, 0, 255).round().astype("uint8")


def torn(images, rng):
    """The images with their rows in another order, each in one of its own."""
    return np.stack([image[rng.permutation(len(image))] for image in images])


def optimizer(steps):
    return keras.optimizers.Adam(
        kc.optimizers.warmup_cosine(2e-3, steps, warmup_steps=steps // 10)
    )


def on_photographs():
    rng = np.random.default_rng(0)
    images, truth = kc.datasets.cifar10(
        f"train[:{args.images}]", data_dir=args.data_dir
    )
    test, test_labels = kc.datasets.cifar10(
        "test[:2000]", data_dir=args.data_dir
    )
    keras.utils.set_random_seed(0)
    encoder = kc.models.ConvNet(16, 3, input_shape=(32, 32, 3))
    model = kc.SimCLRModel(encoder)
    model.compile(
        optimizer(args.epochs * (len(images) // BATCH_SIZE)),
        kc.losses.NTXentLoss(temperature=0.2),
    )
    model.fit(images, batch_size=BATCH_SIZE, epochs=args.epochs, verbose=2)

    def represent(images):
        return model.predict(images, batch_size=BATCH_SIZE, verbose=0)

    features = represent(images)
    found = kc.evaluation.knn_classify(features, truth, represent(test), k=20)
    accuracy = (found == test_labels).mean()

    wrong = rng.choice(len(images), int(SHARE * len(images)), replace=False)
    labels = truth.copy()
    labels[wrong] = (labels[wrong] + rng.integers(1, 10, len(wrong))) % 10
    doubts = kc.curation.label_errors(features, labels)["row"]
    report("wrong label, CIFAR-10", doubts, wrong, len(images))

    copied = rng.choice(len(images), 100, replace=False)
    places = rng.choice(len(test), 100, replace=False)
    test[places] = changed_copies(images[copied], rng)
    pairs = kc.curation.leaks(features, represent(test), threshold=-1.0)
    report("copy in the test set", pairs["test_row"], places, len(test))

    strange = {
        "torn image": torn(images[:25], rng),
        "drawing": kc.datasets.shapes(25, image_size=32).images,
    }
    for name, added in strange.items():
        # One at a time: several alike would be each other's neighbors.
        ranks = [
            np.flatnonzero(
                kc.curation.outliers(np.concatenate([features, each[None]]))[
                    "row"
                ]
                == len(features)
            )[0]
            for each in represent(added)
        ]
        share = np.mean(np.array(ranks) < len(features) // 100)
        table.append(
            f"| one {name} among photographs, 25 times | 1 | "
            f"{len(features) + 1:,} | {share:.1%} in the first 1 % | 1.0% |"
        )
    return f"kNN of CIFAR-10's encoder: {accuracy:.1%} of {len(test):,}"


def on_captions():
    rng = np.random.default_rng(0)
    size, count = 48, 8192
    data = kc.datasets.shapes(count, size, seed=0)
    colors = kc.datasets.shapes(1, size, label="color").class_names
    captions = [
        f"a {colors[color]} {data.class_names[shape]}"
        for color, shape in zip(
            data.factors["color"], data.factors["shape"], strict=True
        )
    ]
    classes = np.unique(captions, return_inverse=True)[1]
    wrong = rng.choice(count, int(SHARE * count), replace=False)
    # Each gets the caption of the next one that says something else.
    given = np.arange(count)
    for place, row in enumerate(wrong):
        others = np.roll(wrong, -place - 1)
        given[row] = next(o for o in others if classes[o] != classes[row])
    captions = [captions[row] for row in given]
    tokenizer = kc.text.train_tokenizer(captions, 512, context_length=8)
    keras.utils.set_random_seed(0)
    model = kc.CLIPModel(
        kc.models.ConvNet(16, 3, input_shape=(size, size, 3)),
        kc.models.BagOfWords(tokenizer.vocabulary_size, width=64),
        projection_dim=64,
    )
    epochs = 4
    model.compile(optimizer(epochs * (count // 128)))
    pairs = {"images": data.images, "texts": tokenizer(captions)}
    ids = {"image_ids": classes[given]}
    model.fit({**pairs, **ids}, batch_size=128, epochs=epochs, verbose=2)
    embeddings = model.predict(pairs, batch_size=BATCH_SIZE, verbose=0)
    doubts = kc.curation.caption_errors(
        embeddings["image_embeddings"], embeddings["text_embeddings"]
    )
    report("wrong caption, drawings", doubts["caption"], wrong, count)


note = on_photographs()
on_captions()
lines = [
    *table,
    "",
    f"{note}; Keras {keras.version()}, {keras.backend.backend()}",
]
args.results.mkdir(exist_ok=True)
(args.results / "curation.md").write_text("\n".join(lines) + "\n")
print("\n".join(lines))
