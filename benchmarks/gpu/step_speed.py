"""JAX steps on a batch in device memory, beside the step written by hand."""

import jax
import keras
import package_steps
import part
import simclr_by_hand


def seconds_of(function, state, batch, count):
    """Mean seconds of a step that hands its state on."""
    compiled = jax.jit(function, donate_argnums=0)
    # A copy: what is donated is gone.
    state = jax.tree.map(jax.numpy.copy, state)
    batch = jax.device_put(batch)

    def step():
        nonlocal state
        results = compiled(state, batch)
        state = next(r for r in results if isinstance(r, tuple))
        return results

    return part.mean_seconds(step, count)


def main(small):
    keras.config.set_dtype_policy("mixed_bfloat16")
    batch_size, width, count = (16, 2, 2) if small else (512, 64, 30)
    images = package_steps.images(batch_size, 32)
    by_hand = seconds_of(
        simclr_by_hand.step, simclr_by_hand.initial_state(width), images, count
    )
    part.report("SimCLR step by hand", step_seconds=by_hand)
    for what, augment in (("SimCLR step, no augmentation", False), ("", True)):
        model = package_steps.simclr(width=width, augment=augment)
        function, (state, batch) = package_steps.jax_step(model, images)
        seconds = seconds_of(function, state, batch, count)
        part.report(
            what or "SimCLR step",
            step_seconds=seconds,
            over_the_step_by_hand=seconds / by_hand - 1,
        )


if __name__ == "__main__":
    main(part.is_small(__doc__))
