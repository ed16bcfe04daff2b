"""Replays the data of completed steps, since datasets cannot seek."""

import keras

from keras_contrastive import distribution
from keras_contrastive.trainer.keras_internals import symbolic_build


def skip_steps(model, steps, logs, then):
    """Makes the next steps of `fit` read their data without training.

    Most kinds of data cannot seek to a position, but all can be read again.

    Args:
        model: Keras model, in `fit`, before the first step of an epoch.
        steps: Int, the number of completed steps.
        logs: Dict, the logs of the last completed step.
        then: Function without arguments, called after the steps are skipped,
            when all variables of the model are built.
    """
    train = model.train_function
    # Keras calls it once for `steps_per_execution` steps, or for the remaining
    # steps of the data.
    left = -(-steps // model.steps_per_execution)

    def take(data):
        batches = [next(data, None) for _ in range(model.steps_per_execution)]
        if keras.backend.backend() == "tensorflow":
            from keras_contrastive.distribution.tensorflow import first_part

            # On TensorFlow, Keras builds the metrics when it traces the first
            # step.
            with distribution.scope_of(model):
                symbolic_build(model, first_part(batches[0]))

    def skip(*arguments):
        nonlocal left
        try:
            if keras.backend.backend() != "torch":
                take(arguments[-1])
            left -= 1
            if not left:
                model.train_function = train
                then()
        except BaseException:
            model.train_function = train
            raise
        if keras.backend.backend() == "jax":
            state, _ = arguments
            return logs, state
        return logs

    model.train_function = skip
