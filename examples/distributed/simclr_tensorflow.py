"""SimCLR on several GPUs, or several machines, with TensorFlow.

    python examples/distributed/simclr_tensorflow.py

One process uses all GPUs of the machine. For several machines start the same
command on each, with TF_CONFIG naming all of them (docs/distributed.md).
`--cpu-devices 2` tries it without a GPU.
"""

import argparse
import os

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import tensorflow as tf

import keras_contrastive as kc

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--epochs", default=2, type=int)
parser.add_argument("--images", default=4096, type=int)
parser.add_argument("--batch-size", default=64, type=int, help="per device")
parser.add_argument("--cpu-devices", default=0, type=int)
args = parser.parse_args()

if "TF_CONFIG" in os.environ:
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
elif args.cpu_devices:
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * args.cpu_devices
    )
    strategy = tf.distribute.MirroredStrategy(
        [f"CPU:{i}" for i in range(args.cpu_devices)]
    )
else:
    strategy = tf.distribute.MirroredStrategy()

keras.utils.set_random_seed(0)
# The batch of all devices, which is what `fit` takes.
batch_size = args.batch_size * strategy.num_replicas_in_sync
images = args.images // batch_size * batch_size
data = kc.datasets.shapes(images, image_size=32, label="color")

with strategy.scope():
    model = kc.SimCLRModel(kc.models.ResNet18("cifar", width=16), num_classes=8)
    model.compile(
        kc.optimizers.LARS(
            kc.optimizers.scaled_learning_rate(batch_size, "sqrt")
        )
    )
    # In the scope too, or several machines would not find it.
    model.fit(
        data.images, data.labels, batch_size=batch_size, epochs=args.epochs
    )
print(f"Trained on {strategy.num_replicas_in_sync} devices.")
