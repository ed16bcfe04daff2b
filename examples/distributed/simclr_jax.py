"""SimCLR on several devices, or several machines, with JAX.

    python examples/distributed/simclr_jax.py

One process uses all devices of the machine. For several machines start the
same command on each, with `--coordinator`, `--num-processes` and `--process`.
`--cpu-devices 2` tries it without an accelerator.
"""

import argparse
import os

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--epochs", default=2, type=int)
parser.add_argument("--images", default=4096, type=int)
parser.add_argument("--batch-size", default=64, type=int, help="per device")
parser.add_argument("--cpu-devices", default=0, type=int)
parser.add_argument("--coordinator", help="host:port of the first process")
parser.add_argument("--num-processes", default=1, type=int)
parser.add_argument("--process", default=0, type=int)
args = parser.parse_args()

os.environ["KERAS_BACKEND"] = "jax"
if args.cpu_devices:
    os.environ["JAX_PLATFORMS"] = "cpu"
    os.environ["XLA_FLAGS"] = (
        f"--xla_force_host_platform_device_count={args.cpu_devices}"
    )

import jax
import keras

import keras_contrastive as kc

if args.coordinator:
    if args.cpu_devices:
        jax.config.update("jax_cpu_collectives_implementation", "gloo")
    keras.distribution.initialize(
        args.coordinator, args.num_processes, args.process
    )
# Before any layer is made. The data below is this process' part already.
keras.distribution.set_distribution(
    keras.distribution.DataParallel(auto_shard_dataset=False)
)

keras.utils.set_random_seed(0)
devices = len(keras.distribution.list_devices())
# The batch of this process' devices.
batch_size = args.batch_size * devices // args.num_processes
images = args.images // args.num_processes // batch_size * batch_size
data = kc.datasets.shapes(
    images, image_size=32, seed=args.process, label="color"
)

model = kc.SimCLRModel(kc.models.ResNet18("cifar", width=16), num_classes=8)
model.compile(
    kc.optimizers.LARS(
        kc.optimizers.scaled_learning_rate(args.batch_size * devices, "sqrt")
    )
)
model.fit(data.images, data.labels, batch_size=batch_size, epochs=args.epochs)
print(f"Trained on {devices} devices.")
