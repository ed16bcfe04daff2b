"""SimCSE: sentences that mean the same find each other, without being told.

    python examples/simcse_captions.py                        # made-up scenes
    python examples/simcse_captions.py --data-dir ~/flickr30k # photographs

Trains a text encoder on captions alone: the two views of a sentence are the
sentence twice, and differ by dropout only. Afterwards the first caption of each
scene of a test set looks for the others of the same scene, which nobody has
said belong together. Runs on any backend, in less than a minute. `--output`
gets model, tokenizer, table, and a checkpoint that `--resume` goes on from.
"""

import argparse
from pathlib import Path

import keras
import numpy as np

import keras_contrastive as kc

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--data-dir", help="folder of Flickr30k")
parser.add_argument("--output", default="runs/simcse_captions", type=Path)
parser.add_argument("--scenes", default=6000, type=int, help="to train on")
parser.add_argument("--epochs", default=2, type=int)
parser.add_argument("--resume", action="store_true", help="go on")
args = parser.parse_args()

CAPTIONS = 5


def captions_of(split, count, seed):
    """Sentences, shape (scenes, 5): those of a row describe one scene."""
    if args.data_dir is None:
        # The pictures are not looked at, and may be small.
        return kc.datasets.shapes(
            count, image_size=8, seed=seed, captions_per_image=CAPTIONS
        ).captions
    records = kc.datasets.flickr30k_records(args.data_dir, split)
    captions = [record.captions for record in records]
    complete = [row for row in captions if len(row) == CAPTIONS]
    return np.array(complete[:count])


keras.utils.set_random_seed(0)
args.output.mkdir(parents=True, exist_ok=True)
train = captions_of("train", args.scenes, seed=0).ravel()
test = captions_of("val", 1000, seed=2)
tokenizer = kc.text.train_tokenizer(train.tolist(), 3000, context_length=32)
tokenizer.save(args.output / "tokenizer.json")

encoder = kc.models.BagOfWords(tokenizer.vocabulary_size, dropout=0.1)
model = kc.SimCLRModel(encoder, augmenter=keras.layers.Identity())
first, others = test[:, 0], test[:, 1:].ravel()
scene = np.repeat(np.arange(len(test)), CAPTIONS - 1)


def embed(sentences):
    return model.predict(tokenizer(sentences), batch_size=256, verbose=0)


def recall():
    return kc.evaluation.retrieval_recall(embed(first), embed(others), scene)


results = {"random init": recall()}
batch_size = 256
steps = args.epochs * (len(train) // batch_size)
model.compile(
    keras.optimizers.Adam(
        kc.optimizers.warmup_cosine(1e-3, steps, warmup_steps=steps // 10)
    ),
    kc.losses.NTXentLoss(temperature=0.05),  # SimCSE's
)
model.fit(
    tokenizer(train),
    batch_size=batch_size,
    epochs=args.epochs,
    callbacks=[
        kc.callbacks.Checkpoint(args.output / "checkpoints", resume=args.resume)
    ],
)
model.save(args.output / "model.keras")
results["SimCSE"] = recall()

x, y = (keras.ops.normalize(embed(part)) for part in (first[:5], others))
nearest = keras.ops.argmax(keras.ops.matmul(x, keras.ops.transpose(y)), axis=1)
for sentence, row in zip(
    first[:5], keras.ops.convert_to_numpy(nearest), strict=True
):
    print(f"\n{sentence}\n  {others[row]}")
table = ["| | R@1 | R@5 | R@10 |", "|---|---|---|---|"]
for name, scores in results.items():
    cells = [f"{scores[f'image_to_text_recall@{k}']:.1%}" for k in (1, 5, 10)]
    table.append(f"| {name} | {' | '.join(cells)} |")
(args.output / "results.md").write_text("\n".join(table) + "\n")
print(f"\nA caption finds one of the four others among {len(others):,}:\n")
print("\n".join(table), f"\nmodel.keras is in {args.output}/")
