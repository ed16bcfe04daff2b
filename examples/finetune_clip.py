"""Fine-tunes a pretrained CLIP on photographs with captions.

    python examples/finetune_clip.py --checkpoint ~/clip-vit-base-patch32 \
        --data-dir ~/flickr30k

`--checkpoint` is a folder of OpenAI's, open_clip's or transformers' CLIP with
its tokenizer, `--data-dir` one of Flickr30k's files. `--method full` trains
everything, the two encoders at a tenth of the projections' rate; `--method lit`
locks the image tower. Leaves a model, a checkpoint for open_clip and the table
of retrieval before and after.

Without the two it goes through the same steps on a small random checkpoint and
on pictures made on the spot: that shows that it runs, not what it is good for.
"""

import argparse
import json
from pathlib import Path

import keras

import keras_contrastive as kc

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--checkpoint", type=Path, help="random by default")
parser.add_argument("--data-dir", help="folder of Flickr30k")
parser.add_argument("--method", default="full", choices=("full", "lit"))
parser.add_argument("--output", default="runs/finetune_clip", type=Path)
parser.add_argument("--epochs", default=5, type=int)
parser.add_argument("--batch-size", default=128, type=int)
parser.add_argument("--learning-rate", default=1e-5, type=float)
parser.add_argument("--images", type=int, help="to train on; all by default")
parser.add_argument("--resume", action="store_true", help="go on")
args = parser.parse_args()
keras.utils.set_random_seed(0)
args.output.mkdir(parents=True, exist_ok=True)


def pictures(count, seed):
    """Records of colored shapes, in place of photographs."""
    data = kc.datasets.shapes(count, image_size=32, seed=seed)
    pairs = zip(data.images, data.captions, strict=True)
    return [
        kc.datasets.CaptionedImage(image, (caption,), i)
        for i, (image, caption) in enumerate(pairs)
    ]


def random_checkpoint(folder, captions):
    """A small CLIP that knows nothing, in place of a pretrained one."""
    tokenizer = kc.text.train_tokenizer(captions, 512, context_length=24)
    sizes = {"width": 64, "num_layers": 2, "num_heads": 2}
    kc.CLIPModel(
        kc.models.VisionTransformer(8, input_shape=(32, 32, 3), **sizes),
        kc.models.TextTransformer(
            tokenizer.vocabulary_size, tokenizer.end_id, 24, **sizes
        ),
        projection_dim=64,
    ).save_checkpoint(folder, format="open_clip")
    tokenizer.save(folder / "tokenizer.json")
    names = {"bos_token": "[start]", "eos_token": "[end]", "pad_token": "[pad]"}
    (folder / "tokenizer_config.json").write_text(json.dumps(names))
    return folder


if args.data_dir:
    train, val = (
        kc.datasets.flickr30k_records(args.data_dir, split)
        for split in ("train", "val")
    )
else:
    train, val = pictures(2048, seed=0), pictures(512, seed=1)
train = train[: args.images]
checkpoint = args.checkpoint or random_checkpoint(
    args.output / "random", [record.captions for record in train]
)

model = kc.CLIPModel.from_checkpoint(checkpoint)
tokenizer = kc.text.clip_tokenizer(checkpoint)
size = model.image_encoder.input_shape[1]
dataset = kc.datasets.ImageTextDataset(
    train,
    tokenizer,
    args.batch_size,
    # An eighth larger than what is seen, for the crops.
    size * 9 // 8,
    seed=0,
)
val = kc.datasets.load_image_text(val, size)
val_tokens = tokenizer(val.captions)


def retrieval():
    images = model.predict({"images": val.images}, verbose=0)
    texts = model.predict({"texts": val_tokens}, verbose=0)
    return kc.evaluation.retrieval_recall(
        images["image_embeddings"], texts["text_embeddings"], val.image_index
    )


before = retrieval()
if args.method == "lit":
    model.image_tower.trainable = False
steps = args.epochs * len(dataset)
model.compile(
    kc.optimizers.MultiRateAdamW(
        kc.optimizers.warmup_cosine(
            args.learning_rate, steps, warmup_steps=steps // 10
        ),
        # CLIP's two projections and its temperature.
        multipliers={"projection|log_scale": 10.0},
        weight_decay=0.1,
        beta_2=0.98,
        epsilon=1e-6,
    ),
    loss="clip",
)
kc.optimizers.exclude_from_weight_decay(model)
model.fit(
    dataset,
    epochs=args.epochs,
    callbacks=[
        # If interrupted, --resume continues from here.
        kc.callbacks.Checkpoint(
            args.output / "checkpoints", every_n_steps=100, resume=args.resume
        )
    ],
)
after = retrieval()

model.save(args.output / "model.keras")
model.save_checkpoint(args.output / "checkpoint", format="open_clip")
table = ["| recall | before | after |", "|---|---|---|"] + [
    f"| {name.replace('_', ' ')} | {before[name]:.1%} | {after[name]:.1%} |"
    for name in before
]
(args.output / "results.md").write_text("\n".join(table) + "\n")
print("\n".join(table), f"\nModel and checkpoint: {args.output}/")
