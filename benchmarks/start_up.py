"""What importing costs, and how long it takes to the first training step.

    python benchmarks/start_up.py

Each line is a process of its own, timed from its start to its end, median over
the rounds; the import of this package is what it adds to that of Keras. The
first steps are those of a SimCLR model (ResNet-18, 32 pixels, batch 32) and of
a CLIP model (small towers, 64 pixels, batch 64), on arrays: imports, building
and compiling included. Writes a table into `benchmarks/results/`.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from side_by_side import BACKENDS
from side_by_side import RESULTS
from side_by_side import machine

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--rounds", default=5, type=int)

KERAS = "import keras"
OURS = f"{KERAS}, keras_contrastive as kc"
SIMCLR = f"""{OURS}, numpy as np
model = kc.SimCLRModel(kc.models.ResNet18("cifar"))
model.compile(keras.optimizers.SGD(0.05, 0.9))
model.fit(np.zeros((32, 32, 32, 3), "uint8"), verbose=0)
"""
CLIP = f"""{OURS}, numpy as np
model = kc.CLIPModel(
    kc.models.VisionTransformer(8, 192, 6, 3, input_shape=(64, 64, 3)),
    kc.models.TextTransformer(
        1000, 1, 16, width=128, num_layers=2, num_heads=2
    ),
    projection_dim=128,
)
model.compile(keras.optimizers.AdamW(1e-3))
texts = np.full((64, 16), 1, "int32")
images = np.zeros((64, 64, 64, 3), "float32")
model.fit({{"images": images, "texts": texts}}, batch_size=64, verbose=0)
"""


def seconds_of(code, backend):
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", code],
        env={
            **os.environ,
            "KERAS_BACKEND": backend,
            "TF_CPP_MIN_LOG_LEVEL": "3",
        },
        cwd=Path(__file__).parents[1],
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return time.perf_counter() - start


def main(rounds):
    cases = {"keras": KERAS, "ours": OURS, "simclr": SIMCLR, "clip": CLIP}
    lines = [
        "# Start-up",
        "",
        machine(),
        "",
        "| backend | import keras | + keras_contrastive | SimCLR's first step "
        "| CLIP's first step |",
        "|---|---|---|---|---|",
    ]
    for name, backend in BACKENDS.items():
        found = {case: [] for case in cases}
        for _ in range(rounds):
            for case, code in cases.items():
                found[case].append(seconds_of(code, backend))
        added = [
            ours - keras
            for ours, keras in zip(found["ours"], found["keras"], strict=True)
        ]
        numbers = (found["keras"], added, found["simclr"], found["clip"])
        cells = " | ".join(f"{statistics.median(n):.2f} s" for n in numbers)
        lines.append(f"| {name} | {cells} |")
        print(lines[-1], flush=True)
    command = f"python benchmarks/start_up.py --rounds {rounds}"
    lines += ["", f"`{command}`: medians."]
    (RESULTS / "start_up.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(parser.parse_args().rounds)
