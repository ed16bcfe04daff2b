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


def negative_cosine_rows(predictions, targets):
    """D of SimSiam eq. 1 for each row."""
    p, t = (x.astype("float64") for x in (predictions, targets))
    return np.array(
        [-(normalize(a) @ normalize(b)) for a, b in zip(p, t, strict=True)]
    )


def queue_info_nce_rows(queries, keys, temperature, queue=None):
    """MoCo eq. 1, each query's key first; v3's among all keys, without one."""
    q, k = (normalize(x.astype("float64")) for x in (queries, keys))
    rows = []
    for i in range(len(q)):
        if queue is None:
            others = [k[j] for j in range(len(k)) if j != i]
        else:
            others = normalize(queue.astype("float64"))
        logits = np.array([q[i] @ x for x in (k[i], *others)]) / temperature
        top = logits.max()
        rows.append(top + np.log(np.exp(logits - top).sum()) - logits[0])
    return np.array(rows)


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


def _rows_of_negatives(negatives, dim):
    """Negative texts `(batch, negatives, dim)` as a list of rows."""
    if negatives is None:
        return np.zeros((0, dim))
    return normalize(negatives.astype("float64")).reshape(-1, dim)


def clip_rows(images, texts, scale, ids=None, negatives=None):
    """CLIP's loss of each pair, half from each direction (figure 3).

    With `ids` the target of a row is uniform over the columns of its id, or,
    for sets of labels, over those that share a label with it, and its own.
    `negatives` are further texts that the images are compared with.
    """
    x, y = (normalize(z.astype("float64")) for z in (images, texts))
    n = len(x)
    ids = np.arange(n) if ids is None else np.asarray(ids)
    rows = np.zeros(n)
    others = _rows_of_negatives(negatives, x.shape[1])
    for queries, keys in ((x, np.concatenate([y, others])), (y, x)):
        for i in range(n):
            logits = np.array([scale * queries[i] @ key for key in keys])
            top = logits.max()
            log_p = logits - top - np.log(np.exp(logits - top).sum())
            mine = [log_p[j] for j in range(n) if _are_partners(ids, i, j)]
            rows[i] -= np.mean(mine)
    return rows / 2


def siglip_rows(images, texts, scale, bias, ids=None, negatives=None):
    """SigLIP's loss of each image (algorithm 1), by the double sum."""
    x, y = (normalize(z.astype("float64")) for z in (images, texts))
    n = len(x)
    ids = np.arange(n) if ids is None else np.asarray(ids)
    rows = np.zeros(n)
    for i in range(n):
        for j in range(n):
            z = 1 if _are_partners(ids, i, j) else -1
            # -log(1 / (1 + exp(-u)))
            rows[i] += np.logaddexp(0, -z * (scale * x[i] @ y[j] + bias))
        for other in _rows_of_negatives(negatives, x.shape[1]):
            rows[i] += np.logaddexp(0, scale * x[i] @ other + bias)
    return rows


def _are_partners(ids, i, j):
    if ids.ndim == 1:
        return ids[i] == ids[j]
    return i == j or bool(
        set(np.flatnonzero(ids[i])) & set(np.flatnonzero(ids[j]))
    )


def _softmax(logits):
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def soft_target_clip_rows(
    images, texts, scale, temperature, weight, ids=None, targets_of=None
):
    """Cross-entropies with targets of similar pairs (keras.io), mixed (ALBEF).

    The targets are those of `targets_of`, a pair of embeddings that are held
    fixed, by default the arguments themselves.
    """
    x, y = (normalize(z.astype("float64")) for z in (images, texts))
    u, v = (normalize(z.astype("float64")) for z in targets_of or (x, y))
    ids = np.arange(len(x)) if ids is None else np.asarray(ids)
    same = (ids[:, None] == ids).astype("float64")
    same /= same.sum(axis=1, keepdims=True)
    soft = _softmax((u @ u.T + v @ v.T) / (2 * temperature))
    targets = weight * soft + (1 - weight) * same
    logits = scale * x @ y.T
    return -sum(
        (targets * np.log(_softmax(each))).sum(axis=1) / 2
        for each in (logits, logits.T)
    )


def clip_distillation_rows(
    images, texts, teacher_images, teacher_texts, scale, temperature
):
    """MobileCLIP's eq. 2 and 3 for one teacher, each pair by itself."""
    x, y, u, v = (
        normalize(z.astype("float64"))
        for z in (images, texts, teacher_images, teacher_texts)
    )
    ours, theirs = scale * x @ y.T, u @ v.T / temperature
    rows = np.zeros(len(x))
    for logits, teacher in ((ours, theirs), (ours.T, theirs.T)):
        p, t = _softmax(logits), _softmax(teacher)
        rows += (t * (np.log(t) - np.log(p))).sum(axis=1) / 2
    return rows


def supcon_rows(labels, embeddings, temperature, form):
    """L_out (eq. 2) or L_in (eq. 3) of each anchor, 0 without a positive.

    Labels are numbers, or sets of them: positives share at least one.
    """
    sets = [x if isinstance(x, set) else {x} for x in labels]
    z = normalize(embeddings.astype("float64"))
    rows = []
    for i in range(len(z)):
        others = [a for a in range(len(z)) if a != i]
        logits = {a: z[i] @ z[a] / temperature for a in others}
        top = max(logits.values(), default=0)
        denominator = sum(np.exp(logit - top) for logit in logits.values())
        positives = [a for a in others if sets[a] & sets[i]]
        p = [np.exp(logits[a] - top) / denominator for a in positives]
        if not positives:
            rows.append(0.0)
        elif form == "out":
            rows.append(-np.mean(np.log(p)))
        else:
            rows.append(-np.log(np.mean(p)))
    return np.array(rows)


def swav_codes(scores, epsilon, iterations):
    """Algorithm 1 of SwAV for one view, the scores of shape (N, K)."""
    codes = np.exp(scores.astype("float64") / epsilon)
    codes /= codes.sum()
    n, k = codes.shape
    for _ in range(iterations):
        for j in range(k):
            codes[:, j] /= codes[:, j].sum() * k
        for i in range(n):
            codes[i] /= codes[i].sum() * n
    return codes * n


def _cross_entropies_of_others(targets, scores, temperature):
    """Mean of H(target, view) over each view but the target's own, (N,)."""
    scores = scores.astype("float64") / temperature
    terms = []
    for t in range(targets.shape[1]):
        for v in range(scores.shape[1]):
            if v != t:
                p = np.exp(scores[:, v]).T / np.exp(scores[:, v]).sum(1)
                terms.append(-(targets[:, t] * np.log(p.T)).sum(axis=1))
    return np.mean(terms, axis=0)


def swav_rows(codes, scores, temperature):
    """SwAV's loss of each image (eq. 1 and 2), over all pairs of views."""
    return _cross_entropies_of_others(codes, scores, temperature)


def dino_rows(teacher, student, center, temperature, student_temperature=0.1):
    """DINO's loss of each image (algorithm 1), over all pairs of views."""
    p = np.exp((teacher.astype("float64") - center) / temperature)
    p /= p.sum(axis=-1, keepdims=True)
    return _cross_entropies_of_others(p, student, student_temperature)


def dcl_rows(z_a, z_b, temperature, sigma=None):
    """DCL of all 2N rows, by the sum over the other images; DCLW by `sigma`."""
    z = normalize(np.concatenate([z_a, z_b]).astype("float64"))
    n = len(z_a)
    pairs = np.array([z[i] @ z[i + n] for i in range(n)])
    weights = np.ones(n)
    if sigma is not None:
        factors = [np.exp(pair / sigma) for pair in pairs]
        weights = 2 - np.array(factors) / np.mean(factors)
    rows = []
    for i in range(2 * n):
        others = [k for k in range(2 * n) if k % n != i % n]
        logits = np.array([z[i] @ z[k] / temperature for k in others])
        negatives = logits.max() + np.log(np.exp(logits - logits.max()).sum())
        positive = weights[i % n] * pairs[i % n] / temperature
        rows.append(negatives - positive)
    return np.array(rows)


def barlow_twins(z_a, z_b, weight):
    """Eq. 1 and 2, with the biased deviation and epsilon of BatchNorm."""
    a, b = (
        (z - z.mean(0)) / np.sqrt(z.var(0) + 1e-5)
        for z in (z_a.astype("float64"), z_b.astype("float64"))
    )
    n, dim = a.shape
    loss = 0.0
    for i in range(dim):
        for j in range(dim):
            c = sum(a[k, i] * b[k, j] for k in range(n)) / n
            loss += (1 - c) ** 2 if i == j else weight * c**2
    return loss


def vicreg_rows(z_a, z_b, invariance, variance, covariance):
    """Eq. 1 to 6, with the means of the authors' code."""
    z_a, z_b = z_a.astype("float64"), z_b.astype("float64")
    n, dim = z_a.shape
    of_batch = 0.0
    for z in (z_a, z_b):
        z = z - z.mean(0)
        c = sum(np.outer(row, row) for row in z) / (n - 1)
        hinges = [max(0, 1 - np.sqrt(c[j, j] + 1e-4)) for j in range(dim)]
        of_batch += variance / 2 * np.mean(hinges)
        squares = [
            c[i, j] ** 2 for i in range(dim) for j in range(dim) if i != j
        ]
        of_batch += covariance * np.sum(squares) / dim
    return invariance * ((z_a - z_b) ** 2).mean(1) + of_batch


def lejepa_rows(views, directions, weight, t, num_global_views=None):
    """LeJEPA, with the integral of Epps and Pulley by a sum over `t`.

    `t` are the points of the trapezoidal rule, from the negative to the
    positive limit.
    """
    views = [view.astype("float64") for view in views]
    n = len(views[0])
    center = np.mean(views[:num_global_views], axis=0)
    distances = np.mean([((v - center) ** 2).mean(1) for v in views], axis=0)
    statistics = []
    for view in views:
        for direction in directions.astype("float64").T:
            x = view @ direction
            empirical = np.array([np.exp(1j * s * x).mean() for s in t])
            gaussian = np.exp(-(t**2) / 2)
            integrand = np.abs(empirical - gaussian) ** 2 * gaussian
            statistics.append(n * np.trapezoid(integrand, t))
    return (1 - weight) * distances + weight * np.mean(statistics)
