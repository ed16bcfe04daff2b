"""Losses and gradients beside float64; microbatches beside the whole batch."""

import keras
import numpy as np
import part

import keras_contrastive as kc


def relative_error(found, exact):
    found = np.asarray(keras.ops.convert_to_numpy(found), "float64")
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def softmax(logits):
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def log_sum_exp(logits):
    top = logits.max(axis=1)
    return top + np.log(np.exp(logits - top[:, None]).sum(axis=1))


def clip_in_float64(images, texts, scale):
    """The loss, and its gradients by embeddings of norm 1."""
    logits, n = scale * images @ texts.T, len(images)
    rows, columns = log_sum_exp(logits), log_sum_exp(logits.T)
    loss = ((rows + columns) / 2 - np.diagonal(logits)).mean()
    slopes = (softmax(logits) + softmax(logits.T).T) / 2 - np.eye(n)
    slopes *= scale / n
    return (
        loss,
        tangent(slopes @ texts, images),
        tangent(slopes.T @ images, texts),
    )


def nt_xent_in_float64(first, second, scale):
    n = len(first)
    z = np.concatenate([first, second])
    logits = scale * z @ z.T
    np.fill_diagonal(logits, -np.inf)
    positive = np.roll(np.arange(2 * n), n)
    own = logits[np.arange(2 * n), positive]
    slopes = softmax(logits)
    slopes[np.arange(2 * n), positive] -= 1
    slopes *= scale / (2 * n)
    gradient = tangent((slopes + slopes.T) @ z, z)
    return (log_sum_exp(logits) - own).mean(), gradient[:n], gradient[n:]


def tangent(gradient, z):
    """What normalizing `z`, of norm 1 already, leaves of a gradient."""
    return gradient - (gradient * z).sum(axis=1, keepdims=True) * z


def embeddings(count, dim):
    """Pairs that are alike, as after some training."""
    rng = np.random.default_rng(0)
    first = unit(rng.normal(size=(count, dim)))
    second = unit(first + unit(rng.normal(size=(count, dim))))
    return unit(first.astype("float32")), second.astype("float32")


def check_losses(count, dim):
    arrays = embeddings(count, dim)
    for name, loss, exact, scale in (
        ("CLIP", kc.losses.CLIPLoss(1 / 14.3), clip_in_float64, 14.3),
        ("CLIP", kc.losses.CLIPLoss(0.01), clip_in_float64, 100.0),
        ("NT-Xent", kc.losses.NTXentLoss(0.2), nt_xent_in_float64, 5.0),
    ):
        value, gradients = part.gradients_of(
            lambda a, b, loss=loss: loss(a, b), arrays
        )()
        # Of what float32 holds, normalized again.
        expected = exact(*(unit(a.astype("float64")) for a in arrays), scale)
        part.report(
            f"{name} beside float64, scale {scale:.4g}, {count:,} x {dim}",
            loss_error=relative_error(value, expected[0]),
            gradient_error=max(
                relative_error(found, own)
                for found, own in zip(gradients, expected[1:], strict=True)
            ),
        )


def check_rows(count, dim, rows=256):
    """Some of the losses of a batch too large for all of them in float64."""
    arrays = embeddings(count, dim)
    losses = kc.losses.CLIPLoss(0.01, reduction=None)(*arrays)
    first, second = (unit(a.astype("float64")) for a in arrays)
    own = 100.0 * (first[:rows] * second[:rows]).sum(axis=1)
    by_rows = log_sum_exp(100.0 * first[:rows] @ second.T)
    by_columns = log_sum_exp(100.0 * second[:rows] @ first.T)
    expected = (by_rows + by_columns) / 2 - own
    part.report(
        f"losses of {rows} rows beside float64, scale 100, {count:,} x {dim}",
        loss_error=relative_error(losses[:rows], expected),
    )


def check_microbatches(batch_size, width):
    """Weights after a step by microbatches, beside those of the whole batch."""
    keras.config.set_dtype_policy("float32")
    rng = np.random.default_rng(0)
    images = rng.normal(size=(batch_size, 32)).astype("float32")
    weights = []
    for microbatch_size in (None, batch_size // 4):
        keras.utils.set_random_seed(0)
        layers = [keras.layers.Dense(width, "relu"), keras.layers.Dense(width)]
        encoder = keras.Sequential([keras.Input((32,)), *layers])
        head = kc.layers.ProjectionHead(width, 16, use_batch_norm=False)
        model = kc.SimCLRModel(
            encoder, head, augmenter=keras.layers.Rescaling(1.0)
        )
        model.compile(
            keras.optimizers.SGD(1.0),
            microbatch_size=microbatch_size,
            metrics=[],
        )
        before = model.get_weights()
        model.train_on_batch(images)
        after = model.get_weights()
        weights.append(
            np.concatenate(
                [
                    (b - a).ravel().astype("float64")
                    for a, b in zip(before, after, strict=True)
                ]
            )
        )
    part.report(
        "a step in microbatches beside the whole batch, default encoder",
        update_error=relative_error(weights[1], weights[0]),
    )


def main(small):
    check_losses(*((48, 16) if small else (4096, 512)))
    check_rows(*((300, 16) if small else (65_536, 512)))
    check_microbatches(*((16, 8) if small else (1024, 512)))


if __name__ == "__main__":
    main(part.is_small(__doc__))
