"""Searches a folder of photographs by a sentence.

    python examples/search_images.py ~/photographs "a dog in the snow" \
        --model runs/clip_flickr30k

The model is what `examples/clip_flickr30k.py` made. Leaves a contact sheet of
the most similar photographs, and prints their names.
"""

import argparse
from pathlib import Path

import keras
import numpy as np

import keras_contrastive as kc

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("folder", type=Path)
parser.add_argument("sentences", nargs="+")
parser.add_argument("--model", default="runs/clip_flickr30k", type=Path)
parser.add_argument("--output", default="runs/search.png", type=Path)
parser.add_argument("-k", default=5, type=int, help="photographs to show")
args = parser.parse_args()

model = keras.models.load_model(args.model / "model.keras")
tokenizer = kc.text.CaptionTokenizer.load(args.model / "tokenizer.json")

paths = kc.datasets.image_folder(args.folder).paths
# The name goes along as a caption: photographs that cannot be read are left
# out, with a warning.
found = kc.datasets.load_image_text(
    [{"image": path, "captions": [str(path)]} for path in paths],
    model.image_encoder.input_shape[1],
    max_bad_fraction=0.99,
)
images = model.predict({"images": found.images})["image_embeddings"]
sentences = model.predict({"texts": tokenizer(args.sentences)}, verbose=0)[
    "text_embeddings"
]
for sentence, similarity in zip(
    args.sentences, sentences @ images.T, strict=True
):
    print(f"\n{sentence}")
    for i in np.argsort(-similarity)[: args.k]:
        print(f"  {similarity[i]:.3f}  {found.captions[i]}")
kc.visualization.plot_retrieval(
    found.images,
    args.sentences,
    images,
    sentences,
    k=args.k,
    queries=range(len(args.sentences)),
    path=args.output,
)
print(f"\nContact sheet: {args.output}")
