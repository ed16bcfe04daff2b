"""Moving averages of the weights, and what comes after `fit`."""

import keras
import numpy as np
import pytest

import keras_contrastive as kc

SIZE = 8


def compiled(optimizer=keras.optimizers.SGD):
    model = kc.SimCLRModel(
        kc.models.ConvNet(4, 1, (SIZE, SIZE, 3)),
        kc.layers.ProjectionHead(4, 4),
        kc.layers.RandomFlip(),
    )
    model.compile(optimizer(0.05, use_ema=True, ema_momentum=0.5))
    return model


class PredictAtTheEnd(keras.callbacks.Callback):
    def __init__(self, images):
        super().__init__()
        self.images = images

    def on_train_end(self, logs=None):
        self.model.encoder.predict(self.images, verbose=0)


@pytest.mark.one_case
@pytest.mark.parametrize("in_callback", [False, True])
def test_fit_predict_save_and_fit(tmp_path, rng, in_callback):
    """On JAX the averages were deleted, or donated twice."""
    images = rng.random((8, SIZE, SIZE, 3), dtype="float32")
    model = compiled()
    callbacks = [PredictAtTheEnd(images)] if in_callback else []
    model.fit(images, batch_size=4, verbose=0, callbacks=callbacks)
    weights = [np.array(w) for w in model.get_weights()]
    model.predict(images, verbose=0)
    model.evaluate(images, batch_size=4, verbose=0)
    for before, after in zip(weights, model.get_weights(), strict=True):
        if np.issubdtype(before.dtype, np.floating):
            np.testing.assert_array_equal(before, after)
    path = tmp_path / "model.keras"
    model.save(path)
    restored = keras.models.load_model(path)
    for each in (model, restored):
        history = each.fit(images, batch_size=4, verbose=0, shuffle=False)
        assert np.isfinite(history.history["loss"]).all()


def test_the_weights_end_as_the_averages(rng):
    images = rng.random((8, SIZE, SIZE, 3), dtype="float32")
    model = compiled()
    model.fit(images, batch_size=4, verbose=0)
    averages = [
        variable
        for variable in model.optimizer.variables
        if variable.name.endswith("_average")
    ]
    assert len(averages) == len(model.trainable_variables)
    for weight, average in zip(
        model.trainable_variables, averages, strict=True
    ):
        np.testing.assert_array_equal(
            keras.ops.convert_to_numpy(weight),
            keras.ops.convert_to_numpy(average),
        )
