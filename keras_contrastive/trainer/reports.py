"""Turns training statistics into errors and warnings."""

import warnings

import numpy as np

from keras_contrastive import distribution
from keras_contrastive.data_validation import concrete
from keras_contrastive.trainer import training_statistics as statistics
from keras_contrastive.trainer.bad_values import input_findings
from keras_contrastive.trainer.empty_data import NO_BATCH

# Kinds that prove that the data does not fit the model. They are errors in
# every entry point. The other kinds are errors in training only and warnings
# elsewhere, where they cannot damage the weights.
ERRORS = (statistics.TOKENS, statistics.ENDS, statistics.LABELS)
# Kinds that may be intended, and are therefore never errors.
WARNINGS = (statistics.DARK_IMAGES,)


def report_training(findings, where, is_step=False):
    """Raises for findings that must stop training and warns of the others.

    Args:
        findings: Dict of a `Finding` for each kind, as in
            `TrainingStatistics.summary`.
        where: The batches of the findings, such as `"epoch 1"`.
        is_step: Whether the findings are of a single batch.

    Raises:
        ValueError: For the first kind that is an error.
    """
    for kind, message in _messages(findings, where, is_step, training=True):
        if kind not in WARNINGS:
            raise ValueError(message)
        warnings.warn(message, stacklevel=3)


def report_inference(findings, where, is_step=False):
    """Raises for data that does not fit the model; warns of bad values.

    Args:
        findings: As in `report_training`.
        where: As in `report_training`.
        is_step: As in `report_training`.

    Raises:
        ValueError: For the first kind of `ERRORS`.
    """
    messages = []
    for kind, message in _messages(findings, where, is_step, training=False):
        if kind in ERRORS:
            raise ValueError(message)
        messages.append(message)
    if messages:
        warnings.warn(" ".join(messages), stacklevel=3)


def report_call(inputs, value_range, part=None):
    """Applies `report_inference` to a direct call with concrete values.

    Args:
        inputs: Any structure of tensors.
        value_range: Range of float images, `None` if it is not known.
        part: Name of the part of the data that holds the inputs.
    """
    findings = {
        statistics.kind_of_part(kind, part): statistics.Finding.of_batch(*each)
        for kind, *each in input_findings(inputs, value_range)
    }
    found = {kind: each for kind, each in findings.items() if each}
    report_inference(found, "this call", is_step=True)


def _messages(findings, where, is_step, training):
    """Yields the kind of each finding and a message."""
    for name, finding in findings.items():
        kind, part = statistics.split_kind(name)
        if kind in _MESSAGES:
            message = _MESSAGES[kind](finding, where, is_step, training)
            yield kind, message if part is None else f"`{part}`: {message}"


def _not_finite(finding, where, is_step, training):
    return (
        "The inputs must be finite. Received: NaN or infinite values in "
        f"{_amount(finding, 'inputs', where, is_step)}. "
    ) + (
        "They were trained on as zeros, so the weights are still usable."
        if training
        else "Results that depend on them are NaN or meaningless."
    )


def _images(finding, where, is_step, training):
    return (
        "The images must be uint8 in [0, 255], uint16 in [0, 65535], or "
        "floats in the `value_range` of the augmenter, which is "
        f"{finding.expected}. Received: images that span "
        f"[{finding.low:g}, {finding.high:g}], in "
        f"{_amount(finding, 'images', where, is_step)}. "
        "Normalize by mean and standard deviation after the augmenter, not "
        "before it: make the normalization the first layer of the encoder. "
        "Divide other integers by their highest value."
    )


def _dark_images(finding, where, is_step, training):
    return (
        f"The images look as if their range were not [0, "
        f"{finding.expected}]: in {finding.bad_batches} of "
        f"{finding.batches} batches of {where} no value is above "
        f"{finding.high:g}, so the images are nearly black. Cast 8-bit "
        "integers to uint8, and pass floats in the `value_range` of the "
        "augmenter."
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
    statistics.INPUTS: _not_finite,
    statistics.IMAGES: _images,
    statistics.DARK_IMAGES: _dark_images,
    statistics.TOKENS: _tokens,
    statistics.ENDS: _ends,
    statistics.LABELS: _labels,
}


REMEDY = (
    "The weights are lost, most often because the learning rate is too high: "
    "restore a checkpoint, and lower the learning rate or clip the gradients."
)


def check_step(model, seen):
    """Raises for the findings of a single training step, or warns of them."""
    report_training(seen["findings"], "this step", is_step=True)
    check_batch_size(seen)
    finding = seen["findings"].get(statistics.LOSS)
    if finding is None:
        return
    if weights_are_finite(model):
        warnings.warn(skipped_message(finding, "this step"), stacklevel=3)
    else:
        raise ValueError(
            f"The loss must be finite. Received: {value_of(finding)}. {REMEDY}"
        )


def check_batch_size(seen):
    """Raises if the batches held only one example each, or none."""
    if seen["batches"] and not seen["examples"]:
        raise ValueError(NO_BATCH)
    replicas = distribution.num_replicas()
    if replicas * seen["examples"] < 2 * seen["batches"]:
        raise ValueError(
            "A batch must hold at least 2 examples to contrast. "
            f"Received: {seen['examples']} in the first "
            f"{seen['batches']} batches; raise `batch_size`, and batch "
            "your dataset."
        )


def weights_are_finite(model):
    """Whether all trainable weights are finite numbers."""
    # In NumPy: JAX would compile a check for each shape.
    weights = (concrete(v.value) for v in model.trainable_variables)
    # A weight that is sharded over several hosts has no concrete value.
    return all(w is None or np.isfinite(w).all() for w in weights)


def skipped_message(finding, where):
    """The message for steps that were skipped because their loss was NaN."""
    return (
        f"The loss was NaN or infinite in {finding.bad_batches} of "
        f"{finding.batches} steps of {where}. The weights are finite: the "
        "optimizer skipped these steps. The `loss` in the logs, a mean over "
        "the steps, is not finite."
    )


def value_of(finding):
    return "inf" if finding.low else "nan"
