"""What an installed wheel must do, with one backend and nothing optional."""

import tempfile
from pathlib import Path

import keras

import keras_contrastive as kc

images = kc.datasets.shapes(32, image_size=16).images
model = kc.SimCLRModel(
    kc.models.ConvNet(width=4, num_stages=1, input_shape=(16, 16, 3))
)
model.compile()
model.fit(images, batch_size=16, verbose=0)
vectors = model.predict(images, verbose=0)
with tempfile.TemporaryDirectory() as folder:
    model.save(Path(folder) / "model.keras")
    again = keras.models.load_model(Path(folder) / "model.keras")
difference = abs(again.predict(images, verbose=0) - vectors).max()
if vectors.shape != (32, 8) or difference > 1e-5:
    raise SystemExit(f"{vectors.shape}, {difference}")
if not (Path(kc.__file__).parent / "py.typed").is_file():
    raise SystemExit("py.typed is not in the package")
print(f"keras_contrastive {kc.__version__} on {keras.backend.backend()}: works")
