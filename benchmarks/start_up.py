"""What importing costs, and how long it takes to the first training step.

    python benchmarks/start_up.py

Each number is of a process of its own, the median over the rounds. The import
is timed within, after that of Keras; all else from the start of the process to
its end. The first steps are those of a SimCLR model (ResNet-18, 32 pixels,
batch 32) and of a CLIP model (small towers, 64 pixels, batch 64), on arrays:
imports, building and compiling included. Beside SimCLR's is that of Keras'
own classifier with the same ResNet-18 and images. Writes a table into
`benchmarks/results/`.
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
OURS = """import keras, time
start = time.perf_counter()
import keras_contrastive
print(time.perf_counter() - start)
"""
CLASSIFIER = """import keras, keras_contrastive as kc, numpy as np
encoder = kc.models.ResNet18("cifar")
model = keras.Sequential([encoder, keras.layers.Dense(10)])
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.SGD(0.05, 0.9), loss)
images = np.zeros((32, 32, 32, 3), "uint8")
model.fit(images, np.zeros(32, "int32"), verbose=0)
"""
SIMCLR = """import keras, keras_contrastive as kc, numpy as np
model = kc.SimCLRModel(kc.models.ResNet18("cifar"))
model.compile(keras.optimizers.SGD(0.05, 0.9))
model.fit(np.zeros((32, 32, 32, 3), "uint8"), verbose=0)
"""
CLIP = """import keras, numpy as np
from benchmarks.small_models import small_clip
model = small_clip()
model.compile(keras.optimizers.AdamW(1e-3))
texts = np.full((64, 16), 1, "int32")
images = np.zeros((64, 64, 64, 3), "float32")
model.fit({"images": images, "texts": texts}, batch_size=64, verbose=0)
"""


def seconds_of(code, backend):
    start = time.perf_counter()
    printed = subprocess.run(
        [sys.executable, "-c", code],
        env={
            **os.environ,
            "KERAS_BACKEND": backend,
            "TF_CPP_MIN_LOG_LEVEL": "3",
        },
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return float(printed or time.perf_counter() - start)


def main(rounds):
    cases = {
        "import keras": KERAS,
        "+ keras_contrastive": OURS,
        "a Keras classifier's first step": CLASSIFIER,
        "SimCLR's first step": SIMCLR,
        "CLIP's first step": CLIP,
    }
    lines = [
        "# Start-up",
        "",
        machine(),
        "",
        f"| backend | {' | '.join(cases)} |",
        "|---" * (len(cases) + 1) + "|",
    ]
    for name, backend in BACKENDS.items():
        found = {case: [] for case in cases}
        for _ in range(rounds):
            for case, code in cases.items():
                found[case].append(seconds_of(code, backend))
        cells = " | ".join(
            f"{statistics.median(seconds):.2f} s" for seconds in found.values()
        )
        lines.append(f"| {name} | {cells} |")
        print(lines[-1], flush=True)
    command = f"python benchmarks/start_up.py --rounds {rounds}"
    lines += ["", f"`{command}`: medians."]
    (RESULTS / "start_up.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(parser.parse_args().rounds)
