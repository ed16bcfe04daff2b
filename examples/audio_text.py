"""CLIP for sounds and sentences, on sounds made on the spot.

    python examples/audio_text.py

Trains a log-mel spectrogram with a small convolutional network and a bag of
words on sounds with captions such as "a low buzzing tone that rises and fades
away". Then each of 500 new sounds looks for a caption among 500, and each
caption for a sound. Runs on any backend, in minutes.
"""

import argparse
from pathlib import Path

import keras

import keras_contrastive as kc

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--output", default="runs/audio_text", type=Path)
parser.add_argument("--sounds", default=4096, type=int)
parser.add_argument("--epochs", default=10, type=int)
args = parser.parse_args()

LENGTH, MELS, STRIDE = 4000, 40, 128
keras.utils.set_random_seed(0)
train = kc.datasets.sounds(args.sounds, LENGTH, seed=0)
test = kc.datasets.sounds(500, LENGTH, seed=1)
tokenizer = kc.text.train_tokenizer(
    train.captions.tolist(), 512, context_length=24
)


def kind_of(data):
    """A number for each combination of the factors: captions that fit both."""
    pitch, contour, texture, loudness = data.factors.values()
    return ((pitch * 4 + contour) * 4 + texture) * 3 + loudness


# From (batch, samples) to masked log-mel spectrograms (batch, time, mel, 1).
augmenter = keras.layers.Pipeline(
    [
        keras.layers.MelSpectrogram(
            fft_length=512,
            sequence_stride=STRIDE,
            sampling_rate=train.sample_rate,
            num_mel_bins=MELS,
            min_power=1e-4,
            top_db=200.0,
        ),
        keras.layers.Permute((2, 1)),
        keras.layers.Rescaling(1 / 20, offset=-0.5),
        kc.layers.RandomSpectrogramMask(),
        keras.layers.Reshape((-1, MELS, 1)),
    ]
)
model = kc.DualEncoderModel(
    {
        "audio": kc.models.ConvNet(16, 3, (1 + LENGTH // STRIDE, MELS, 1)),
        "text": kc.models.BagOfWords(tokenizer.vocabulary_size, width=64),
    },
    projection_dim=64,
    augmenters={"audio": augmenter},
)


def fitting(queries, keys, kinds):
    """How often the nearest key fits the query."""
    nearest = (queries @ keys.T).argmax(axis=1)
    return (kinds[nearest] == kinds).mean()


def evaluate():
    data = {"audio": test.signals, "text": tokenizer(test.captions)}
    audio, text = model.predict(data, batch_size=256, verbose=0).values()
    kinds = kind_of(test)
    return fitting(audio, text, kinds), fitting(text, audio, kinds)


rows = {"random init": evaluate()}
batch_size = min(256, args.sounds)
steps = args.epochs * (args.sounds // batch_size)
model.compile(
    keras.optimizers.Adam(
        kc.optimizers.warmup_cosine(3e-3, steps, warmup_steps=steps // 10)
    )
)
model.fit(
    {
        "audio": train.signals,
        "text": tokenizer(train.captions),
        # Sounds that one caption fits are not each other's negatives.
        "ids": kind_of(train),
    },
    batch_size=batch_size,
    epochs=args.epochs,
    verbose=2,
)
rows["trained"] = evaluate()
chance = (kind_of(test)[:, None] == kind_of(test)).mean()
rows["chance"] = chance, chance

table = ["| | sound to caption | caption to sound |", "|---|---|---|"] + [
    f"| {name} | {to_text:.1%} | {to_audio:.1%} |"
    for name, (to_text, to_audio) in rows.items()
]
args.output.mkdir(parents=True, exist_ok=True)
(args.output / "results.md").write_text("\n".join(table) + "\n")
model.save(args.output / "model.keras")
print("\n".join(table), f"\nmodel.keras is in {args.output}/")
