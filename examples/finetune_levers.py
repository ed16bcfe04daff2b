"""What fine-tuning gains and forgets, for each way to do it.

    python examples/finetune_levers.py

Pretrains a CLIP on drawings with English captions, and tunes it on a
thousand drawings of another domain: in shades of gray, with noise, and with
German captions. A table has the recall of both domains before and after, for
plain fine-tuning and for each lever of docs/fine_tuning.md.
"""

import argparse
from pathlib import Path

import keras
import numpy as np

import keras_contrastive as kc

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--output", default="runs/finetune_levers", type=Path)
parser.add_argument("--pretrain-images", default=8_192, type=int)
parser.add_argument("--pretrain-epochs", default=6, type=int)
parser.add_argument("--images", default=1_024, type=int, help="to tune on")
parser.add_argument("--epochs", default=20, type=int)
parser.add_argument("--seeds", default=3, type=int)
args = parser.parse_args()
args.output.mkdir(parents=True, exist_ok=True)

SIZE, TEST = 32, 512
GERMAN = {
    "size": ("klein", "groß"),
    "shape": ("Kreis", "Quadrat", "Dreieck", "Stern", "Kreuz", "Ring")
    + ("Raute", "Sechseck"),
}


def english(count, seed):
    data = kc.datasets.shapes(count, SIZE, seed=seed)
    return data.images, list(data.captions)


def german(count, seed):
    """In gray, with noise; the words of size and shape."""
    data = kc.datasets.shapes(count, SIZE, seed=seed)
    gray = data.images.mean(axis=-1, keepdims=True)
    noise = np.random.default_rng(seed).normal(0, 10, gray.shape)
    images = np.clip(255 - gray + noise, 0, 255).astype("uint8")
    captions = [
        " ".join(GERMAN[name][data.factors[name][i]] for name in GERMAN)
        for i in range(count)
    ]
    return np.repeat(images, 3, axis=-1), captions


old, new = english(args.pretrain_images, 0), german(args.images, 2)
test_old, test_new = english(TEST, 1), german(TEST, 3)
tokenizer = kc.text.train_tokenizer(old[1] + new[1], 600, context_length=24)


def make_model():
    return kc.CLIPModel(
        kc.models.ConvNet(width=16, input_shape=(SIZE, SIZE, 3)),
        kc.models.TextTransformer(
            tokenizer.vocabulary_size,
            tokenizer.end_id,
            tokenizer.context_length,
            width=64,
            num_layers=2,
            num_heads=2,
        ),
        projection_dim=64,
    )


def train(model, data, epochs, rate, optimizer=None):
    images, captions = data
    steps = epochs * (len(images) // 128)
    rate = kc.optimizers.warmup_cosine(rate, steps, warmup_steps=steps // 10)
    optimizer = optimizer or kc.optimizers.MultiRateAdamW()
    optimizer.learning_rate = rate
    model.compile(optimizer, "clip")
    # The same caption may be of several images of a batch.
    _, ids = np.unique(captions, return_inverse=True)
    model.fit(
        {
            "images": images,
            "texts": tokenizer(captions),
            "image_ids": ids.astype("int32"),
        },
        batch_size=128,
        epochs=epochs,
        verbose=0,
    )


def recall(model, data):
    """Of the right caption among the 5 most similar of those that differ."""
    images, captions = data
    different, index = np.unique(captions, return_inverse=True)
    weights = kc.evaluation.zero_shot_weights(
        lambda texts: model.encode_text(tokenizer(texts)),
        different.tolist(),
        ["{}"],
    )
    embeddings = model.predict({"images": images}, verbose=0)
    scores = embeddings["image_embeddings"] @ weights
    own = scores[np.arange(len(index)), index]
    return float(np.mean((scores > own[:, None]).sum(axis=1) < 5))


def plain(model, rate=1e-3):
    train(model, new, args.epochs, rate)


def locked_images(model):
    model.image_tower.trainable = False
    plain(model)
    kc.fine_tuning.unfreeze(model.image_tower)


def adapters(model):
    for encoder, layers in (
        (model.image_encoder, "conv"),
        (model.text_encoder, "block"),
    ):
        kc.fine_tuning.enable_lora(encoder, rank=4, layers=layers)
    train(model, new, args.epochs, 5e-3)
    kc.fine_tuning.merge_lora(model)


def frozen_blocks(model):
    kc.fine_tuning.freeze_blocks(model.image_encoder, 3)
    kc.fine_tuning.freeze_blocks(model.text_encoder, 2)
    plain(model)
    kc.fine_tuning.unfreeze(model)


def layer_decay(model):
    optimizer = kc.optimizers.MultiRateAdamW()
    for encoder in (model.image_encoder, model.text_encoder):
        kc.fine_tuning.layer_decay(optimizer, encoder, 0.6)
    train(model, new, args.epochs, 1e-3, optimizer)


def interpolation(model):
    before = model.get_weights()
    plain(model)
    kc.fine_tuning.interpolate_weights(model, before, model.get_weights(), 0.5)


LEVERS = {
    "before": lambda model: None,
    "fine-tuned at 1e-3": plain,
    "at 1e-4": lambda model: plain(model, 1e-4),
    "image tower locked (LiT)": locked_images,
    "adapters of rank 4 (LoRA)": adapters,
    "first blocks frozen": frozen_blocks,
    "layer-wise rates, 0.6": layer_decay,
    "halfway to before (WiSE-FT)": interpolation,
}
rows = {name: [] for name in LEVERS}
for seed in range(args.seeds):
    keras.utils.set_random_seed(seed)
    model = make_model()
    train(model, old, args.pretrain_epochs, 2e-3)
    pretrained = model.get_weights()
    for name, lever in LEVERS.items():
        keras.utils.set_random_seed(seed)
        model.set_weights(pretrained)
        lever(model)
        rows[name].append((recall(model, test_new), recall(model, test_old)))
        print(f"seed {seed}, {name}: {rows[name][-1]}", flush=True)

table = ["| | R@5, new | R@5, old |", "|---|---|---|"]
for name, scores in rows.items():
    cells = [
        f"{100 * np.mean(each):.1f} ± {100 * np.std(each):.1f}"
        for each in zip(*scores, strict=True)
    ]
    table.append(f"| {name} | {' | '.join(cells)} |")
(args.output / "results.md").write_text("\n".join(table) + "\n")
print("\n".join(table))
