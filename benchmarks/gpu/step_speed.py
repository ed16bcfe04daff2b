"""The SimCLR step that is written by hand in JAX, on a batch on the device.

`simclr_speed.py` reports the seconds of a step in `fit`, to compare with.
"""

import jax
import package_steps
import part
import simclr_by_hand


def main(small):
    batch_size, width, count = (16, 2, 2) if small else (512, 64, 60)
    step = jax.jit(simclr_by_hand.step, donate_argnums=0)
    state = simclr_by_hand.initial_state(width)
    images = jax.device_put(package_steps.images(batch_size, 32))

    def next_step():
        nonlocal state
        state, loss = step(state, images)
        return loss

    seconds = part.mean_seconds(next_step, count)
    part.report("SimCLR step by hand", step_seconds=seconds)


if __name__ == "__main__":
    main(part.is_small(__doc__))
