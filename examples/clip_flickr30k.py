"""CLIP from scratch on photographs with captions: Flickr30k, or like it.

    python examples/clip_flickr30k.py --data-dir ~/flickr30k

`--data-dir` holds the files as they are distributed: `flickr30k_images/`, the
captions (`results_20130124.token` or `results.csv`), and, for the usual splits,
Karpathy's `dataset_flickr30k.json`. Runs on any backend. The defaults are sized
for two CPU cores and some thousand photographs. Everything it makes lies in
`--output`: the model and its tokenizer, for `examples/search_images.py`, the
history, the table and three pictures. After an interruption, the same command
with `--resume` continues, and ends as it would have ended.

On AMD CPUs TensorFlow leaves its oneDNN kernels off; TF_ENABLE_ONEDNN_OPTS=1
turns them on, which made a training step 1.5 times faster where we measured.
"""

import argparse
from pathlib import Path

import keras
import numpy as np

import keras_contrastive as kc

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--data-dir", required=True, help="folder of Flickr30k")
parser.add_argument("--output", default="runs/clip_flickr30k", type=Path)
parser.add_argument("--epochs", default=54, type=int)
parser.add_argument(
    "--patch-epochs",
    default=18,
    type=int,
    help="of the two models on features of patches; 0 for none",
)
parser.add_argument("--batch-size", default=128, type=int)
parser.add_argument("--image-size", default=64, type=int)
parser.add_argument("--width", default=16, type=int, help="of the network")
parser.add_argument("--learning-rate", default=1e-3, type=float)
parser.add_argument("--images", type=int, help="to train on; all by default")
parser.add_argument(
    "--policy",
    default="float32",
    help="mixed_bfloat16 is faster on GPUs, and on CPUs with AMX",
)
parser.add_argument("--seed", default=0, type=int)
parser.add_argument("--resume", action="store_true", help="go on")
args = parser.parse_args()

keras.utils.set_random_seed(args.seed)
keras.config.set_dtype_policy(args.policy)
args.output.mkdir(parents=True, exist_ok=True)
train = kc.datasets.flickr30k_records(args.data_dir, "train")[: args.images]
size = args.image_size
val = kc.datasets.load_image_text(
    kc.datasets.flickr30k_records(args.data_dir, "val"), size
)

# A vocabulary of these captions. Most fit into 20 tokens.
tokenizer = kc.text.train_tokenizer(
    [record.captions for record in train], 3000, context_length=20
)
tokenizer.save(args.output / "tokenizer.json")
val_tokens = tokenizer(val.captions)


def make_network(dataset, augmenter, seed):
    return kc.models.ConvNet(args.width, 4, input_shape=(size, size, 3))


# Stronger than CLIP's own, which had 400 million images and saw each of them a
# few times.
network_augmenter = keras.layers.Pipeline(
    [
        kc.layers.RandomResizedCrop(size, size, scale=(0.3, 1.0)),
        kc.layers.RandomFlip(),
        kc.layers.RandomColorJitter(0.2, 0.2, 0.2, 0.05, probability=0.8),
    ]
)


def make_patch_network(dataset, augmenter, seed):
    """A dictionary of patches, and a hidden layer.

    It learns fast, and makes other mistakes than the network above.
    """
    side = size * 3 // 4
    smaller = keras.layers.Resizing(side, side, antialias=True)
    patches = kc.layers.PatchFeatures(min(512, len(train) // 2))
    views = [
        keras.ops.convert_to_numpy(
            smaller(augmenter(dataset[i]["images"], training=True))
        )
        for i in range(len(dataset))
    ]
    patches.adapt(np.concatenate(views), seed)
    return keras.Sequential(
        [
            keras.Input((size, size, 3)),
            smaller,
            patches,
            keras.layers.Dense(512, use_bias=False),
            kc.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.Dropout(0.3),
        ]
    )


patch_augmenter = keras.layers.Pipeline(
    [
        kc.layers.RandomResizedCrop(
            size, size, scale=(0.5, 1.0), ratio=(0.85, 1 / 0.85)
        ),
        kc.layers.RandomFlip(),
    ]
)


def train_clip(name, make_encoder, augmenter, epochs, learning_rate, seed):
    keras.utils.set_random_seed(seed)
    dataset = kc.datasets.ImageTextDataset(
        train,
        tokenizer,
        args.batch_size,
        # An eighth larger than what is seen, for the crops.
        size * 9 // 8,
        seed=seed,
        cache=True,
        # All captions of an image in each step: the text encoder costs little.
        num_captions=5,
    )
    model = kc.CLIPModel(
        make_encoder(dataset, augmenter, seed),
        # For few data: with some ten thousand captions a transformer learns
        # them by heart.
        kc.models.BagOfWords(tokenizer.vocabulary_size, 256, dropout=0.3),
        projection_dim=256,
        augmenter=augmenter,
        tokenizer=tokenizer,
    )
    steps = epochs * len(dataset)
    model.compile(
        keras.optimizers.AdamW(
            kc.optimizers.warmup_cosine(
                learning_rate, steps, warmup_steps=steps // 20
            ),
            weight_decay=0.2,
            beta_2=0.98,
            epsilon=1e-6,
        )
    )
    kc.optimizers.exclude_from_weight_decay(model)
    folder = args.output / name
    folder.mkdir(exist_ok=True)
    model.fit(
        dataset,
        epochs=epochs,
        callbacks=[
            # If interrupted, --resume continues from here.
            kc.callbacks.Checkpoint(
                folder / "checkpoints", every_n_steps=100, resume=args.resume
            ),
            kc.callbacks.RetrievalEvaluation(
                val.images, val_tokens, val.image_index, every_n_epochs=5
            ),
            keras.callbacks.CSVLogger(folder / "history.csv", append=True),
        ],
    )
    return model


model = train_clip(
    "network",
    make_network,
    network_augmenter,
    args.epochs,
    args.learning_rate,
    args.seed,
)
if args.patch_epochs:
    others = [
        train_clip(
            f"patches{number}",
            make_patch_network,
            patch_augmenter,
            args.patch_epochs,
            2 * args.learning_rate,
            args.seed + number,
        )
        for number in (1, 2)
    ]
    # The mean of their similarities.
    model = kc.models.clip_ensemble([model, *others], weights=(2, 1, 1))
model.save(args.output / "model.keras")

image_embeddings = model.predict({"images": val.images})["image_embeddings"]
text_embeddings = model.predict({"texts": val_tokens})["text_embeddings"]
recall = kc.evaluation.retrieval_recall(
    image_embeddings, text_embeddings, val.image_index
)

# Zero-shot: the photographs of which three captions or more name one of these,
# and only one, are told apart by nothing but the sentences.
classes = {
    "a dog": "dog dogs",
    "a person riding a bike": "bike bicycle bicyclist biker cyclist",
    "people in the snow": "snow snowy snowboarder skier",
    "a person in the water": "water pool ocean swimming surfer",
    "people playing football or soccer": "football soccer",
    "a person climbing a rock": "climbing climber climbs",
}
mentions = np.array(
    [
        [not set(words.split()).isdisjoint(caption.lower().split())]
        for words in classes.values()
        for caption in val.captions
    ]
).reshape(len(classes), -1)
named = np.stack(
    [np.bincount(val.image_index, weights=m) >= 3 for m in mentions], axis=1
)
is_one = named.sum(axis=1) == 1
labels = named[is_one].argmax(axis=1)
weights = kc.evaluation.zero_shot_weights(
    lambda texts: model.encode_text(tokenizer(texts)), list(classes), ["{}"]
)
zero_shot = kc.evaluation.classification_scores(
    image_embeddings[is_one] @ weights, labels, list(classes)
)

some = np.random.default_rng(0).choice(len(val.images), 6, replace=False)
shown = np.flatnonzero(is_one)[np.unique(labels, return_index=True)[1]]
pictures = (val.images, val.captions, image_embeddings, text_embeddings)
kc.visualization.plot_retrieval(
    *pictures,
    direction="image_to_text",
    image_index=val.image_index,
    queries=some,
    path=args.output / "captions_of_images.png",
)
kc.visualization.plot_retrieval(
    *pictures,
    image_index=val.image_index,
    queries=np.searchsorted(val.image_index, some),
    path=args.output / "images_of_captions.png",
)
kc.visualization.plot_similarity(
    image_embeddings[shown],
    weights.T,
    val.images[shown],
    list(classes),
    path=args.output / "zero_shot.png",
)
table = ["| retrieval | R@1 | R@5 | R@10 |", "|---|---|---|---|"] + [
    f"| {way.replace('_', ' ')} | "
    + " | ".join(f"{recall[f'{way}_recall@{k}']:.1%}" for k in (1, 5, 10))
    + " |"
    for way in ("image_to_text", "text_to_image")
]
table += [
    "",
    f"{len(val.images)} images, {len(val.captions)} captions. "
    f"Temperature: {1 / float(model.logit_scale.scale):.3f}.",
    "",
    # A few classes have most of the images: the mean of the classes' recalls
    # does not reward naming the largest one.
    f"Zero-shot on {len(labels)} images: mean recall of {len(classes)} classes "
    f"{zero_shot.mean_per_class_recall:.1%} (chance {1 / len(classes):.1%}), "
    f"accuracy {zero_shot.accuracy:.1%} (largest class "
    f"{zero_shot.majority:.1%}).",
    "",
    "| class | images | recall |",
    "|---|---|---|",
]
table += [
    f"| {name} | {count} | {recall:.1%} |"
    for (name, recall), count in zip(
        zero_shot.recall_per_class.items(), np.bincount(labels), strict=True
    )
]
(args.output / "results.md").write_text("\n".join(table) + "\n")
print("\n".join(table), f"\nModel, history and pictures: {args.output}/")
