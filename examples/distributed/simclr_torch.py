"""SimCLR on several GPUs, or several machines, with PyTorch.

    torchrun --nproc-per-node 2 examples/distributed/simclr_torch.py

One process a GPU, or on CPU cores where there is none. For several machines
start the same command on each, with torchrun's `--nnodes` and
`--rdzv-endpoint`.
"""

import argparse
import os

os.environ["KERAS_BACKEND"] = "torch"

import torch
import torch.distributed as dist

has_gpu = torch.cuda.is_available()
if has_gpu:
    # Before Keras is imported, which then takes the GPU of this process.
    torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
dist.init_process_group("nccl" if has_gpu else "gloo")

import keras

import keras_contrastive as kc

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--epochs", default=2, type=int)
parser.add_argument("--images", default=4096, type=int)
parser.add_argument("--batch-size", default=64, type=int, help="per process")
args = parser.parse_args()

rank, world_size = dist.get_rank(), dist.get_world_size()
keras.utils.set_random_seed(0)
# This process' part of the images.
images = args.images // world_size // args.batch_size * args.batch_size
data = kc.datasets.shapes(images, image_size=32, seed=rank, label="color")

model = kc.SimCLRModel(kc.models.ResNet18("cifar", width=16), num_classes=8)
model.compile(
    kc.optimizers.LARS(
        kc.optimizers.scaled_learning_rate(args.batch_size * world_size, "sqrt")
    )
)
model.fit(
    data.images,
    data.labels,
    batch_size=args.batch_size,
    epochs=args.epochs,
    verbose="auto" if rank == 0 else 0,
)
if rank == 0:
    print(f"Trained on {world_size} devices.")
dist.barrier()  # nobody leaves while others still talk to them
dist.destroy_process_group()
