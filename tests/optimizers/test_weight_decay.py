import keras
import numpy as np
import pytest

import keras_contrastive as kc
from keras_contrastive.trainer.keras_internals import is_decayed


def model(optimizer=None):
    layers = [
        keras.Input((4,)),
        keras.layers.Dense(4, name="dense"),
        keras.layers.LayerNormalization(name="norm"),
        keras.layers.Dense(1, name="head"),
    ]
    model = keras.Sequential(layers)
    if optimizer is not None:
        model.compile(optimizer, "mse", run_eagerly=True)
    return model


def test_decays_nothing_but_matrices():
    optimizer = keras.optimizers.SGD(0.5, weight_decay=0.5)
    net = model(optimizer)
    for variable in net.trainable_variables:
        variable.assign(np.ones(variable.shape))
    kc.optimizers.exclude_from_weight_decay(net)
    # Targets equal predictions: nothing but decay moves a weight.
    x = np.ones((2, 4), "float32")
    net.train_on_batch(x, net.predict(x, verbose=0))
    for variable in net.trainable_variables:
        expected = 0.75 if "kernel" in variable.path else 1.0
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(variable), expected, rtol=1e-5
        )


def test_adds_to_what_was_excluded_before():
    optimizer = keras.optimizers.AdamW()
    net = model(optimizer)
    head, dense = net.get_layer("head").kernel, net.get_layer("dense").kernel
    optimizer.exclude_from_weight_decay(var_list=[head])
    kc.optimizers.exclude_from_weight_decay(net)
    assert not is_decayed(optimizer, head)
    assert not is_decayed(optimizer, net.get_layer("norm").gamma)
    assert is_decayed(optimizer, dense)


def test_reaches_through_loss_scaling():
    inner = keras.optimizers.AdamW()
    net = model()
    kc.optimizers.exclude_from_weight_decay(
        net, keras.optimizers.LossScaleOptimizer(inner)
    )
    assert not is_decayed(inner, net.get_layer("dense").bias)
    assert is_decayed(inner, net.get_layer("dense").kernel)


def test_rejects_what_it_cannot_do():
    with pytest.raises(ValueError, match="`optimizer` must be given"):
        kc.optimizers.exclude_from_weight_decay(model())
    unbuilt = keras.Sequential([keras.layers.Dense(1)])
    with pytest.raises(ValueError, match="`model` must have its trainable"):
        kc.optimizers.exclude_from_weight_decay(
            unbuilt, keras.optimizers.AdamW()
        )
