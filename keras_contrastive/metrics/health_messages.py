"""What was found in the batches, as sentences for people."""

import warnings

from keras_contrastive.metrics import batch_health

# Kinds that leave no doubt that the data do not fit the model: an error in
# every entry. The others are one in training, and a warning elsewhere, where
# no weights are at stake.
ERRORS = (batch_health.TOKENS, batch_health.ENDS, batch_health.LABELS)
# Kinds that may be as they should, so that they never are an error.
WARNINGS = (batch_health.DARK_IMAGES,)


def report_training(findings, where, is_step=False):
    """Raises for what must not be trained on, and warns of the rest.

    Args:
        findings: Dict of a `Finding` for each kind, as of
            `BatchHealth.summary`.
        where: The batches that they are of, such as `"epoch 1"`.
        is_step: Whether these are a single batch.

    Raises:
        ValueError: For the first kind that is an error.
    """
    for kind, finding in _data_of(findings):
        message = _MESSAGES[kind](finding, where, is_step, training=True)
        if kind not in WARNINGS:
            raise ValueError(message)
        warnings.warn(message, stacklevel=3)


def report_inference(findings, where, is_step=False):
    """Raises for data that do not fit the model, and warns of bad values.

    Args:
        findings: As of `report_training`.
        where: As of `report_training`.
        is_step: As of `report_training`.

    Raises:
        ValueError: For the first kind of `ERRORS`.
    """
    messages = []
    for kind, finding in _data_of(findings):
        message = _MESSAGES[kind](finding, where, is_step, training=False)
        if kind in ERRORS:
            raise ValueError(message)
        messages.append(message)
    if messages:
        warnings.warn(" ".join(messages), stacklevel=3)


def _data_of(findings):
    return [(k, f) for k, f in findings.items() if k in _MESSAGES]


def _not_finite(finding, where, is_step, training):
    return (
        "The inputs must be finite. Received: NaN or infinite values in "
        f"{_amount(finding, 'inputs', where, is_step)}. "
    ) + (
        "They were trained on as zeros, so the weights are still usable."
        if training
        else "Results that depend on them are NaN, or mean nothing."
    )


def _images(finding, where, is_step, training):
    return (
        "The images must be uint8 in [0, 255], uint16 in [0, 65535], or "
        "floats in the `value_range` of the augmenter, which is "
        f"{finding.expected}. Received: images that span "
        f"[{finding.low:g}, {finding.high:g}], in "
        f"{_amount(finding, 'images', where, is_step)}. "
        "Images normalised by mean and standard deviation belong behind the "
        "augmenter, not before it: make the normalisation the first layer of "
        "the encoder. Divide other integers by their highest value."
    )


def _dark_images(finding, where, is_step, training):
    return (
        f"The images look as if they were of another range than [0, "
        f"{finding.expected}]: none in {finding.bad_batches} of "
        f"{finding.batches} batches of {where} is above {finding.high:g}, "
        "so they are nearly black. Cast integers of 8 bits to uint8, and give "
        "floats in the `value_range` of the augmenter."
    )


def _tokens(finding, where, is_step, training):
    return (
        f"The token ids must be integers in [0, {finding.expected}), the "
        "vocabulary of the text encoder. Received: ids that span "
        f"[{finding.low:.0f}, {finding.high:.0f}], in "
        f"{_amount(finding, 'texts', where, is_step)}. The vocabulary must be "
        "that of the tokenizer."
    ) + (" They were trained on as id 0." if training else "")


def _ends(finding, where, is_step, training):
    return (
        "Each text must contain the end token that the text encoder pools at, "
        f"{finding.expected}. Received: {finding.bad_examples} of "
        f"{finding.examples} texts without it in {where}. Truncate so that "
        "the end token stays, and give the encoder the tokenizer's end id."
    )


def _labels(finding, where, is_step, training):
    return (
        f"The labels must be integers in [0, {finding.expected}), the classes "
        f"of the probe. Received: labels that span [{finding.low:g}, "
        f"{finding.high:g}], unusable ones in "
        f"{_amount(finding, 'labels', where, is_step)}."
    ) + (" The probe was not trained on these." if training else "")


def _amount(finding, noun, where, is_step):
    if is_step:
        first = f"number {finding.place} of the batch, counted from 0"
        amount = f"{finding.bad_examples} of the {noun} of {where}"
    else:
        first = (
            f"number {finding.place} of batch {finding.batch}, both counted "
            "from 0"
        )
        amount = (
            f"{finding.bad_batches} of {finding.batches} batches of {where}, "
            f"{finding.bad_examples} {noun} in all"
        )
    if finding.place is None:
        return amount
    return f"{amount}, the first of them {first}"


_MESSAGES = {
    batch_health.INPUTS: _not_finite,
    batch_health.IMAGES: _images,
    batch_health.DARK_IMAGES: _dark_images,
    batch_health.TOKENS: _tokens,
    batch_health.ENDS: _ends,
    batch_health.LABELS: _labels,
}
