"""How many images a second `keras_contrastive.datasets.shapes` draws."""

import os
import statistics
import time

from keras_contrastive.datasets import shapes

for image_size, num_examples in ((32, 10_000), (64, 10_000), (224, 1_000)):
    rates = []
    for _ in range(5):
        start = time.perf_counter()
        shapes(num_examples, image_size)
        rates.append(num_examples / (time.perf_counter() - start))
    print(
        f"{image_size}x{image_size}: {statistics.median(rates):,.0f} images/s, "
        f"median of 5 ({min(rates):,.0f} to {max(rates):,.0f}), "
        f"{os.cpu_count()} cores"
    )
