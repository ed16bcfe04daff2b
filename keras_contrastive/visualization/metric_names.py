"""The names of logs in words."""

import re

# Patterns of the names that the package's metrics and callbacks log.
WORDS = (
    (r"loss", "loss"),
    (r"contrastive_accuracy", "views matched (contrastive accuracy)"),
    (r"alignment", "distance of two views (alignment)"),
    (r"uniformity", "crowding of the images (uniformity)"),
    (r"effective_rank", "dimensions in use (effective rank)"),
    (r"knn_accuracy", "class by neighbors (kNN accuracy)"),
    (r"linear_probe_accuracy", "class by a linear layer (probe accuracy)"),
    (r"zero_shot_accuracy", "class by its name (zero-shot accuracy)"),
    (r"temperature", "temperature"),
    (r"learning_rate", "learning rate"),
    (r"logit_bias", "bias of the logits"),
)
RECALL = re.compile(r"([a-z]+)_to_([a-z]+)_recall@(\d+)")
HELD_OUT = "val_"


def in_words(name: str) -> str:
    """The name of a log in words; unknown names stay as they are."""
    bare = name.removeprefix(HELD_OUT)
    words = _of_recall(bare) or next(
        (words for pattern, words in WORDS if re.fullmatch(pattern, bare)), None
    )
    if words is None:
        return name
    return f"{words}, held out" if bare != name else words


def family_and_rank(name: str) -> tuple[str, int]:
    """The family of a log, whose curves share a color, and its rank in it."""
    found = RECALL.search(name)
    if found is None:
        bare = name.removeprefix(HELD_OUT)
        return bare, int(bare != name)
    return "_to_".join(found.groups()[:2]), int(found[3])


def _of_recall(name):
    found = RECALL.fullmatch(name)
    if found is None:
        return None
    query, target, k = found.groups()
    query, target = (
        "caption" if part == "text" else part for part in (query, target)
    )
    return f"{query} finds {target}, top {k}"
