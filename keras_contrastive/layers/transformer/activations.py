import keras
from keras import ops


@keras.saving.register_keras_serializable(package="keras_contrastive")
def quick_gelu(x):
    """`x sigmoid(1.702 x)`: close to GELU, used to train OpenAI's CLIP.

    Weights trained with one of the two give wrong results with the other.
    """
    return x * ops.sigmoid(1.702 * x)


@keras.saving.register_keras_serializable(package="keras_contrastive")
def gelu_tanh(x):
    """The tanh approximation of GELU, which JAX computes for SigLIP."""
    return ops.gelu(x, approximate=True)


ACTIVATIONS = {
    "gelu": keras.activations.gelu,
    "gelu_tanh": gelu_tanh,
    "quick_gelu": quick_gelu,
}
