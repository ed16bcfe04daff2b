"""The programs of `docs/keras_io.md`: what they learn, and their length.

    KERAS_BACKEND=torch python benchmarks/quality/keras_io.py \\
        --data-dir DIR --photographs DIR --keras-io DIR

Runs each program as the page has it, in one process, on CIFAR-10 or on
photographs with captions in place of the page's drawings. The score before
training is that of the same program with no epoch of it. `--keras-io`, a clone
of keras-team/keras-io, counts the lines of its examples as well. Writes a table
to `benchmarks/results/`.
"""

import argparse
import ast
import contextlib
import io
import re
import sys
import time
import tokenize
from pathlib import Path
from types import SimpleNamespace

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]

import clip
import contender_runs
import keras
import numpy as np

import keras_contrastive as kc
from tests.code_blocks import code_blocks

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "keras_io.md"
SEARCH = "nl_image_search"
# What a line may hold beside code.
NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--data-dir", required=True, help="folder of CIFAR-10")
parser.add_argument("--photographs", help="folder of Flickr30k")
parser.add_argument("--keras-io", type=Path, help="clone of keras-io")
parser.add_argument("--images", default=12_800, type=int)
parser.add_argument("--test-images", default=10_000, type=int)
parser.add_argument("--epochs", default=5, type=int)
parser.add_argument("--seed", default=0, type=int)
parser.add_argument("--only", nargs="+", help="names of keras.io's examples")
parser.add_argument(
    "--results", default=ROOT / "benchmarks" / "results", type=Path
)


def count_lines(code):
    """The lines that hold code, not only comments or bare strings.

    keras.io's examples have their text in bare strings; docstrings are others.
    """
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type not in NO_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            lines.difference_update(range(node.lineno, node.end_lineno + 1))
    return len(lines)


def programs(page):
    """The lines that all programs of the page share, and the programs.

    Returns:
        A string, and a dict from the name of keras.io's example to the code
        below the heading that links it.
    """
    shared, *sections = page.read_text().split("\n## ")
    found = {}
    for section in sections:
        if blocks := code_blocks(section):
            link = r"https://keras\.io/examples/vision/([\w-]+)/"
            found[re.search(link, section)[1]] = "".join(blocks)
    return "".join(code_blocks(shared)), found


def cifar10(args):
    """Training and test images as the page's programs take them."""
    return [
        SimpleNamespace(images=images, labels=labels)
        for images, labels in (
            kc.datasets.cifar10(f"{split}[:{count}]", data_dir=args.data_dir)
            for split, count in (
                ("train", args.images),
                ("test", args.test_images),
            )
        )
    ]


def photographs(args):
    """Two captions of each training photograph, and one of each other."""
    splits = []
    for split, count, captions in (
        ("train", args.images, 2),
        ("val", args.test_images, 1),
    ):
        data = clip.load(args.photographs, split, count, image_size=48)
        texts = np.reshape(data.captions, (-1, clip.CAPTIONS))[:, :captions]
        splits.append(
            SimpleNamespace(
                images=np.repeat(data.images, captions, axis=0),
                captions=texts.ravel().tolist(),
            )
        )
    return splits


def run(program, train, test, epochs, seed):
    """The accuracy of a program of the page on other data, and its seconds."""
    keras.utils.set_random_seed(seed)
    namespace = {
        "keras": keras,
        "kc": kc,
        "train": train,
        "test": test,
        "shape": train.images.shape[1:],
        "epochs": epochs,
    }
    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        exec(program, namespace)
    return namespace["accuracy"], time.perf_counter() - start


def main():
    args = parser.parse_args()
    shared, found = programs(PAGE)
    lines = [
        f"{args.epochs} epochs, seed {args.seed}",
        "",
        "| example | lines, keras.io | lines, here | images | before training "
        "| accuracy | seconds |",
        "|---" * 7 + "|",
    ]
    data = {False: cifar10(args)}
    if args.photographs:
        data[True] = photographs(args)
    for name in args.only or found:
        if (name == SEARCH) not in data:
            continue
        train, test = data[name == SEARCH]
        before, _ = run(found[name], train, test, 0, args.seed)
        after, seconds = run(found[name], train, test, args.epochs, args.seed)
        theirs = "-"
        if args.keras_io:
            path = args.keras_io / "examples" / "vision" / f"{name}.py"
            theirs = count_lines(path.read_text())
        ours = count_lines(shared + found[name])
        lines.append(
            f"| {name} | {theirs} | {ours} | {len(train.images):,} "
            f"| {before:.1%} | {after:.1%} | {seconds:.0f} |"
        )
        print(lines[-1], flush=True)
    lines += ["", contender_runs.keras_versions()]
    args.results.mkdir(exist_ok=True)
    path = args.results / "quality_keras_io.md"
    path.write_text("\n".join(lines) + "\n")
    print(path.read_text())


if __name__ == "__main__":
    main()
