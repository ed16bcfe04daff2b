"""The environment in which the benchmarks run other packages.

They are no dependencies of this one: `python()` makes a virtual environment
for them beside the benchmarks, once, and returns its interpreter.
"""

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent / ".peers"
# The first as they are, the second without what they ask for, which would
# bring another build of torch along.
COMPLETE = "torch==2.13.0 numpy pillow"
BARE = (
    "torchvision==0.28.0 lightly open_clip_torch pytorch-metric-learning timm "
    "kornia kornia_rs"
)
NEEDED = (
    "lightly-utils pytorch-lightning torchmetrics aenum hydra-core tqdm "
    "requests python-dateutil six ftfy regex huggingface-hub safetensors "
    "scikit-learn faiss-cpu webdataset"
)
# Compiled operators of torchvision, which do not load beside a CPU build of
# torch; importing it registers shapes for them, so they must exist.
OPERATORS = (
    "nms qnms roi_align qroi_align ps_roi_align roi_pool ps_roi_pool "
    "deform_conv2d _roi_align_backward _ps_roi_align_backward "
    "_roi_pool_backward _ps_roi_pool_backward _deform_conv2d_backward"
)


def python():
    """Path of the interpreter of the peers' environment."""
    interpreter = FOLDER / "bin" / "python"
    done = FOLDER / "complete"
    if not done.exists():
        print("Installing the peers into", FOLDER, file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", FOLDER], check=True)
        pip = [interpreter, "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, *COMPLETE.split()], check=True)
        subprocess.run([*pip, "--no-deps", *BARE.split()], check=True)
        subprocess.run([*pip, *NEEDED.split()], check=True)
        done.touch()
    return interpreter


def make_torchvision_importable():
    """To be called in the peers' environment before torchvision is imported."""
    import torch

    library = torch.library.Library("torchvision", "DEF")
    for name in OPERATORS.split():
        library.define(f"{name}(Tensor x) -> Tensor")
    # They vanish with the object.
    make_torchvision_importable.library = library
