def short_repr(value) -> str:
    """A short `repr` for messages: shape and dtype for arrays."""
    if getattr(value, "shape", ()) and hasattr(value, "dtype"):
        shape = tuple(value.shape)
        return f"an array of shape {shape} and type {value.dtype}"
    text = repr(value)
    return text if len(text) <= 100 else text[:97] + "..."
