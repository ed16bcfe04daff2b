"""Functions with a gradient written by hand."""

from typing import Any

from keras import ops


def with_custom_gradient(
    function: Any, inputs: tuple, constants: tuple = ()
) -> Any:
    """`function(*inputs, *constants)`, with the gradient that it returns.

    Args:
        function: Returns its value and a function of the gradient by that
            value, which returns a tuple of the gradients by the inputs.
        inputs: Tensors.
        constants: Tensors without gradient. The function must not use them
            otherwise: on JAX it cannot refer to tensors of an enclosing `jit`,
            loop or checkpoint that are not its arguments.

    Returns:
        The value of the function.
    """

    @ops.custom_gradient
    def run(*tensors):
        value, gradient = function(*tensors)

        def gradients(*arguments, upstream=None):
            # The PyTorch backend passes the upstream gradient by name, after
            # the arguments of the function.
            upstream = arguments[0] if upstream is None else upstream
            by_inputs = map(_once_differentiable, gradient(upstream))
            return (*by_inputs, *(None for _ in constants))

        return value, gradients

    return run(*inputs, *constants)


@ops.custom_gradient
def _once_differentiable(x):
    def gradient(*arguments, upstream=None):
        raise NotImplementedError(
            "The losses of keras_contrastive have no second derivative."
        )

    return x * 1, gradient
