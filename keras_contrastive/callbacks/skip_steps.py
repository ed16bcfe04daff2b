"""Going through the data of steps that are done already."""

import keras

from keras_contrastive import distribution


def skip_steps(model, steps, logs, then):
    """Lets the next steps of `fit` take their data and train on nothing.

    Data have no position that could be set, in general. To be read again is
    what all kinds of data can do.

    Args:
        model: Keras model, in `fit`, before the first step of an epoch.
        steps: Int, how many of them are done.
        logs: Dict, what the last of them logged.
        then: Function without arguments, called when they are skipped, with
            all variables of the model built.
    """
    train = model.train_function
    # Keras calls it once for that many steps, or for what the data have left.
    left = -(-steps // model.steps_per_execution)

    def take(data):
        batches = [next(data, None) for _ in range(model.steps_per_execution)]
        if keras.backend.backend() == "tensorflow":
            from keras_contrastive.distribution.tensorflow import first_part

            # There Keras builds the metrics as it traces the first step.
            with distribution.scope_of(model):
                model._symbolic_build(data_batch=first_part(batches[0]))

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
