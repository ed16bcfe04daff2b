"""How far training on many devices is from training on one.

    python benchmarks/distribution.py

Ten steps of SimCLR (BatchNorm, LARS, a probe) and CLIP (AdamW, a learnable
scale, captions that share images) on fixed batches and views, under every
strategy of every installed backend, beside one device. Prints the largest
relative differences as a table. It is what the tests assert, in figures.
"""

import importlib.util
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.distribution.launch import SETUPS
from tests.distribution.launch import differences
from tests.distribution.launch import train

KINDS = {
    "log": "losses and metrics of 10 steps",
    "weight": "weights after them",
    "evaluate": "evaluate",
    "predict": "predict",
}

print("| backend | devices | method |", " | ".join(KINDS.values()), "|")
print("|---" * (3 + len(KINDS)) + "|", flush=True)
for backend, setups in SETUPS.items():
    if importlib.util.find_spec(backend) is None:
        continue
    with tempfile.TemporaryDirectory() as folder:
        one = train(backend, folder)
    for setup in setups:
        with tempfile.TemporaryDirectory() as folder:
            many = train(backend, folder, setup)
        found = differences(one, many, backend, setup)
        for method in ("simclr", "clip"):
            values = [f"{found[f'{method}/{kind}']:.1e}" for kind in KINDS]
            row = [backend, setup, method, *values]
            print("|", " | ".join(row), "|", flush=True)
