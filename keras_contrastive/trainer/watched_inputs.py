"""Records unusable inputs of a step, to be reported after it."""

from keras import ops

from keras_contrastive.data_validation import check_label_form
from keras_contrastive.trainer import bad_values
from keras_contrastive.trainer.training_statistics import ENDS
from keras_contrastive.trainer.training_statistics import LABELS
from keras_contrastive.trainer.training_statistics import TOKENS
from keras_contrastive.trainer.training_statistics import kind_of_part


def watch_inputs(health, inputs, value_range, training, part=None):
    """Records NaN, infinity, images out of range and images that are all dark.

    Args:
        health: `TrainingStatistics`.
        inputs: Any structure of tensors.
        value_range: As in `bad_values.input_findings`.
        training: Whether the inputs are trained on.
        part: Name of the part of the data that holds the inputs, for errors.

    Returns:
        The inputs. In training, NaN and infinity are replaced by zeros to
        protect the weights.
    """
    for kind, *values in bad_values.input_findings(inputs, value_range):
        health.record(kind_of_part(kind, part), *values)
    return bad_values.finite(inputs) if training else inputs


def watch_tokens(health, texts, encoder, part=None):
    """Records token ids that a text encoder does not know.

    Args:
        health: `TrainingStatistics`.
        texts: A tensor of token ids, or a dict with `"token_ids"`. Other inputs
            are returned unchanged.
        encoder: The text encoder.
        part: Name of the part of the data that holds the texts, for errors.

    Returns:
        The texts, with unknown ids replaced by 0.
    """
    tokens = bad_values.tokens_of(texts)
    if tokens is None:
        return texts
    end_id = getattr(encoder, "end_id", None)
    if end_id is not None:
        missing = bad_values.without_end(tokens, end_id)
        health.record(kind_of_part(ENDS, part), missing, expected=end_id)
    size = bad_values.vocabulary_size_of(encoder)
    if size is None:
        return texts
    unknown, low, high = bad_values.not_ids(tokens, size)
    bad = ops.any(unknown, axis=1)
    health.record(kind_of_part(TOKENS, part), bad, low, high, size)
    return bad_values.with_tokens(texts, ops.where(unknown, 0, tokens))


def watch_labels(health, labels, count, num_classes):
    """Records labels that are not valid classes.

    Args:
        health: `TrainingStatistics`.
        labels: Tensor of labels of any shape and dtype.
        count: Number of examples.
        num_classes: Number of classes.

    Returns:
        The labels as int32 tensor of shape `(count,)`, and a float32 tensor
        with 1 for each valid label and 0 for the others.
    """
    check_label_form(labels)
    labels = ops.reshape(labels, (-1,))
    given = ops.shape(labels)[0]
    bad, low, high = bad_values.not_ids(labels[:count], num_classes)
    if not isinstance(given, int):
        # These are one-hot labels or, in a graph, labels of any shape.
        bad = ops.logical_or(bad, ops.not_equal(given, count))
        labels = labels[:count]
    health.record(LABELS, bad, low, high, num_classes)
    classes = ops.cast(ops.where(bad, 0, labels), "int32")
    return classes, ops.cast(ops.logical_not(bad), "float32")
