"""Slow float64 references, written from the papers' formulas."""

import numpy as np


def normalize(x):
    return x / np.sqrt(np.maximum((x**2).sum(-1, keepdims=True), 1e-12))


def nt_xent_rows(z_a, z_b, temperature):
    """l(i, j) of SimCLR eq. 1 for all 2N rows, by the sum over k != i."""
    z = normalize(np.concatenate([z_a, z_b]).astype("float64"))
    n = len(z_a)
    rows = []
    for i in range(2 * n):
        j = (i + n) % (2 * n)
        logits = [z[i] @ z[k] / temperature for k in range(2 * n) if k != i]
        top = max(logits)
        denominator = sum(np.exp(logit - top) for logit in logits)
        rows.append(top + np.log(denominator) - z[i] @ z[j] / temperature)
    return np.array(rows)


def nt_xent(z_a, z_b, temperature):
    return nt_xent_rows(z_a, z_b, temperature).mean()


def numeric_gradient(function, x, step=1e-5):
    """Central differences of a scalar function, one coordinate at a time."""
    x = np.array(x, dtype="float64")
    gradient = np.zeros_like(x)
    for index in np.ndindex(*x.shape):
        shifted = x.copy()
        shifted[index] += step
        above = function(shifted)
        shifted[index] -= 2 * step
        gradient[index] = (above - function(shifted)) / (2 * step)
    return gradient
