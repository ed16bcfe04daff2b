"""Every loss is made again from its config, under the package's name."""

import inspect

import keras
import pytest

import keras_contrastive as kc

LOSSES = {
    name: cls
    for name, cls in vars(kc.losses).items()
    if inspect.isclass(cls)
    and issubclass(cls, keras.losses.Loss)
    and cls is not kc.losses.ContrastiveLoss  # a base class
}


@pytest.mark.one_backend
@pytest.mark.parametrize("name", LOSSES)
def test_config(name):
    loss = LOSSES[name]()
    config = loss.get_config()
    again = LOSSES[name].from_config(config).get_config()
    assert again == config and config["name"] == loss.name
    # All that the constructor takes, but for what Keras keeps itself.
    taken = set(inspect.signature(LOSSES[name].__init__).parameters)
    assert taken - {"self", "kwargs", "dtype", "reduction"} <= set(config)
    registered = keras.saving.get_registered_name(LOSSES[name])
    assert registered == f"keras_contrastive>{name}"
