from typing import Any

import keras

_GROUPS = (
    "trainable_variables",
    "non_trainable_variables",
    "optimizer_variables",
    "metrics_variables",
)


class KeepsValues:
    """A model that has its values after a step that failed, on JAX too.

    There Keras takes the values out of the variables before the first step
    and puts back those that the last step returned. Where the first step
    raised, there are none.
    """

    def _get_jax_state(self, purge_model_variables=False, **groups):
        state = super()._get_jax_state(
            purge_model_variables=purge_model_variables, **groups
        )
        if purge_model_variables:
            # What `jax_state_sync` puts back.
            names = [name for name in _GROUPS if groups.get(name)]
            self._jax_state = dict(zip(names, state, strict=True))
        return state

    # `fit` puts them back by itself, whatever happens.

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().evaluate(*args, **kwargs)
        finally:
            self._put_back()

    evaluate.__doc__ = keras.Model.evaluate.__doc__

    def predict(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().predict(*args, **kwargs)
        finally:
            self._put_back()

    predict.__doc__ = keras.Model.predict.__doc__

    def _put_back(self):
        if keras.backend.backend() == "jax":
            self.jax_state_sync()
