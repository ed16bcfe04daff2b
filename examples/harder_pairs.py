"""CLIP with negative captions, beside CLIP alone.

    python examples/harder_pairs.py --seeds 0 1 2

Trains on pictures of shapes with captions. The negative of a picture is its own
caption with the colors of shape and background swapped, or its only color
replaced. Prints how often new pictures prefer their caption to such a negative,
and how often they find it among 1,000. Runs on any backend.
"""

import argparse
from pathlib import Path

import keras
import numpy as np

import keras_contrastive as kc

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--output", default="runs/harder_pairs", type=Path)
parser.add_argument("--images", default=2048, type=int)
parser.add_argument("--epochs", default=12, type=int)
parser.add_argument("--seeds", default=[0], type=int, nargs="+")
args = parser.parse_args()

SIZE = 32
train = kc.datasets.shapes(args.images, SIZE, label="color")
test = kc.datasets.shapes(1000, SIZE, seed=1, label="color")
COLORS = train.class_names
tokenizer = kc.text.train_tokenizer(train.captions, 512, context_length=24)


def swapped(caption):
    """The caption with its two colors swapped, or its only one replaced."""
    words = caption.replace(",", " ,").split()
    places = [i for i, word in enumerate(words) if word in COLORS]
    found = [words[i] for i in places]
    if len(places) == 1:
        found = [COLORS[(COLORS.index(found[0]) + 1) % len(COLORS)]]
    for place, color in zip(places, reversed(found), strict=True):
        words[place] = color
    text = " ".join(words).replace(" ,", ",")
    return text.replace("an ", "a ").replace("a orange", "an orange")


DATA = {"images": train.images, "texts": tokenizer(train.captions)}
NEGATIVES = tokenizer([swapped(caption) for caption in train.captions])
RUNS = {
    "CLIP": DATA,
    "CLIP, negative captions": {**DATA, "negative_texts": NEGATIVES},
}


def score(data, seed):
    keras.utils.set_random_seed(seed)
    model = kc.CLIPModel(
        kc.models.ConvNet(12, 3, (SIZE, SIZE, 3)),
        kc.models.TextTransformer(
            tokenizer.vocabulary_size,
            tokenizer.end_id,
            tokenizer.context_length,
            width=48,
            num_layers=1,
            num_heads=3,
        ),
        projection_dim=48,
    )
    steps = args.epochs * args.images // 128
    rate = kc.optimizers.warmup_cosine(4e-3, steps, steps // 10)
    model.compile(keras.optimizers.AdamW(rate))
    model.fit(data, batch_size=128, epochs=args.epochs, verbose=0)

    def embed(texts):
        texts = {"texts": tokenizer(texts)}
        return model.predict(texts, verbose=0)["text_embeddings"]

    images = model.predict({"images": test.images}, verbose=0)
    images = images["image_embeddings"]
    right = embed(test.captions)
    wrong = embed([swapped(caption) for caption in test.captions])
    recall = kc.evaluation.retrieval_recall(images, right, np.arange(1000))
    return (
        kc.evaluation.caption_choice(images, right, wrong),
        recall["image_to_text_recall@10"],
        recall["text_to_image_recall@10"],
    )


table = ["| | right caption | image to text R@10 | text to image R@10 |"]
table.append("|---|---|---|---|")
for name, data in RUNS.items():
    scores = [score(data, seed) for seed in args.seeds]
    mean, spread = np.mean(scores, axis=0), np.std(scores, axis=0)
    cells = [f"{m:.1%} ± {s:.1%}" for m, s in zip(mean, spread, strict=True)]
    table.append(f"| {name} | {' | '.join(cells)} |")
args.output.mkdir(parents=True, exist_ok=True)
(args.output / "results.md").write_text("\n".join(table) + "\n")
print("\n".join(table))
