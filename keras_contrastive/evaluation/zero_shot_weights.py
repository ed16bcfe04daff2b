"""Builds a classifier from the names of its classes."""

from collections.abc import Callable
from collections.abc import Sequence

import numpy as np

from keras_contrastive.evaluation.checks import as_features
from keras_contrastive.evaluation.checks import normalize_rows
from keras_contrastive.evaluation.prompts import OPEN_CLIP_SETS
from keras_contrastive.evaluation.prompts import PROMPT_SETS
from keras_contrastive.evaluation.prompts import prompt_set

# Approximate number of sentences that the text encoder receives at once.
PROMPTS_PER_CALL = 256


def zero_shot_weights(
    encode_text: Callable,
    class_names: Sequence[str],
    templates: str | Sequence[str | Callable[[str], str]],
) -> np.ndarray:
    """Weights of a linear classifier, from class names only.

    Each class is described by a few sentences, one for each template. Their
    embeddings t are normalized and averaged, and the mean is normalized again:

    `w_c = normalize(mean_p(normalize(t_cp)))`

    An image belongs to the class whose column is most similar to its
    embedding, see `zero_shot_classify`.

    Args:
        encode_text: Function of a list of n strings that returns their
            embeddings, an array or tensor of shape `(n, dim)`. It receives a
            few hundred strings at once.
        class_names: Strings, as they appear in a sentence: `"fire truck"`, not
            `"fire_truck"` or a number. Their order is that of the labels.
        templates: Strings with `{}` in place of the name, or functions from the
            name to a string; or the name of a `prompt_set`, such as
            `"photographs"`. Use sentences like those the model was trained on:
            `["a {}"]` may work better for a model trained on short captions.

    Returns:
        A float32 NumPy array of shape `(dim, num_classes)`, its columns of
        norm 1.

    Raises:
        ValueError: If there are no classes or templates, a template has no
            place for the name, or `encode_text` does not return one finite
            vector per string.

    Example:

    ```python
    import numpy as np
    from keras_contrastive.evaluation import zero_shot_classify
    from keras_contrastive.evaluation import zero_shot_weights

    def encode_text(texts):
        return np.array([["cat" in t, "dog" in t, "?" in t] for t in texts])

    weights = zero_shot_weights(
        encode_text, ["cat", "dog"], ["a photo of a {}.", "is it a {}?"]
    )
    image_embeddings = np.array([[0.1, 0.9, 0.2], [0.8, 0.3, 0.0]])
    print(zero_shot_classify(image_embeddings, weights))  # [1 0]
    ```

    With a model and its tokenizer, `encode_text` is
    `lambda texts: model.encode_text(tokenizer(texts))`.

    Reference:
        - [Radford et al., 2021](https://arxiv.org/abs/2103.00020),
          section 3.1.4
    """
    templates = as_templates(templates)
    class_names = as_class_names(class_names)
    classes_per_call = max(1, PROMPTS_PER_CALL // len(templates))
    weights = []
    for start in range(0, len(class_names), classes_per_call):
        names = class_names[start : start + classes_per_call]
        prompts = [
            _fill(template, name) for name in names for template in templates
        ]
        embeddings = as_features(encode_text(prompts), "encode_text(strings)")
        if len(embeddings) != len(prompts):
            raise ValueError(
                "`encode_text` must return one row per string. Received: "
                f"shape {embeddings.shape} for {len(prompts)} strings."
            )
        embeddings = normalize_rows(embeddings)
        by_class = embeddings.reshape(len(names), len(templates), -1)
        weights.append(normalize_rows(by_class.mean(axis=1)))
    return np.concatenate(weights).T


def _fill(template, name):
    # Not `str.format`, since names and templates may contain other braces.
    return (
        template(name) if callable(template) else template.replace("{}", name)
    )


def as_templates(templates):
    """`templates` as a list, if each has a place for the name."""
    if isinstance(templates, str) and "{}" not in templates:
        sets = [*PROMPT_SETS, *OPEN_CLIP_SETS]
        if templates not in sets:
            raise ValueError(
                "`templates` must have '{}' in the place of the name, or name "
                f"a set: {', '.join(sets)}. Received: {templates!r}"
            )
        templates = prompt_set(templates)
    is_list = not isinstance(templates, str) and not callable(templates)
    templates = list(templates) if is_list else [templates]
    if not is_list or not templates:
        raise ValueError(
            "`templates` must be a list of at least one template. "
            f"Received: {templates[0] if templates else templates!r}"
        )
    for template in templates:
        has_place = isinstance(template, str) and "{}" in template
        if not has_place and not callable(template):
            raise ValueError(
                "`templates` must be strings with '{}' in the place of the "
                f"name, or functions of the name. Received: {template!r}"
            )
    return templates


def as_class_names(class_names):
    """`class_names` as a list of at least one string."""
    is_list = not isinstance(class_names, str)
    names = list(class_names) if is_list else []
    if not names or not all(isinstance(name, str) for name in names):
        raise ValueError(
            "`class_names` must be a list of at least one string. "
            f"Received: {class_names!r}"
        )
    return names
