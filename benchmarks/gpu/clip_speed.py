"""CLIP steps with towers of ViT-B/32's size, whole and in microbatches."""

import keras
import package_steps
import part

SMALL = {"size": 32, "patch": 16, "width": 64, "text_width": 64, "depth": 1}


def measure(batch_size, microbatch_size, steps, small):
    model = package_steps.clip(
        microbatch_size=microbatch_size, **(SMALL if small else {})
    )
    batch = package_steps.pairs(batch_size, 32 if small else 224)
    losses = []

    def step():
        logs = model.train_on_batch(batch, return_dict=True)
        losses.append(float(logs["loss"]))
        return losses[-1]

    seconds = part.median_seconds(step, steps)
    part.report(
        f"CLIP step, batch {batch_size:,}, microbatches of {microbatch_size}",
        step_seconds=seconds,
        pairs_per_second=batch_size / seconds,
        peak_gigabytes=part.peak_gigabytes(),
        first_loss=losses[0],
        last_loss=losses[-1],
    )


def main(small):
    keras.config.set_dtype_policy("mixed_bfloat16")
    for batch_size, microbatch_size, steps in (
        ((4, None, 1), (4, 2, 1))
        if small
        else ((512, None, 10), (8192, 256, 2))
    ):
        measure(batch_size, microbatch_size, steps, small)


if __name__ == "__main__":
    main(part.is_small(__doc__))
