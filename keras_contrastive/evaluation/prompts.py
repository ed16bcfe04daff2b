"""Templates that turn the name of a class into sentences about an image."""

from collections.abc import Callable

from keras_contrastive.validation import check_choice

# CLIP's 18 for CIFAR-10 and CIFAR-100: nine with "a" and nine with "the".
CIFAR10_TEMPLATES = tuple(
    template.replace("ARTICLE", article)
    for article in ("a", "the")
    for template in (
        "a photo of ARTICLE {}.",
        "a blurry photo of ARTICLE {}.",
        "a black and white photo of ARTICLE {}.",
        "a low contrast photo of ARTICLE {}.",
        "a high contrast photo of ARTICLE {}.",
        "a bad photo of ARTICLE {}.",
        "a good photo of ARTICLE {}.",
        "a photo of ARTICLE small {}.",
        "a photo of ARTICLE big {}.",
    )
)

# The seven that CLIP's authors chose from their eighty for ImageNet, in the
# notebook on prompts of https://github.com/openai/CLIP. "itap" stands for "I
# took a picture".
GENERAL_TEMPLATES = (
    "itap of a {}.",
    "a bad photo of the {}.",
    "a origami {}.",
    "a photo of the large {}.",
    "a {} in a video game.",
    "art of the {}.",
    "a photo of the small {}.",
)

PHOTOGRAPH_TEMPLATES = (
    "a photo of a {}.",
    "a photo of the {}.",
    "a close-up photo of a {}.",
    "a photo of one {} among other things.",
    "a photo of several {}.",
    "a {} outdoors.",
    "a {} indoors.",
)
SATELLITE_TEMPLATES = (
    "a satellite image of {}.",
    "an aerial photo of {}.",
    "a satellite photo of an area of {}.",
    "{} seen from above.",
)
MEDICAL_TEMPLATES = (
    "a medical image of {}.",
    "an image showing {}.",
    "a scan that shows {}.",
    "findings consistent with {}.",
)
TEXTURE_TEMPLATES = (
    "a photo of a {} texture.",
    "a photo of something {}.",
    "a {} surface.",
    "a close-up of a {} pattern.",
)

PROMPT_SETS = {
    "cifar10": CIFAR10_TEMPLATES,
    "general": GENERAL_TEMPLATES,
    "medical": MEDICAL_TEMPLATES,
    "photographs": PHOTOGRAPH_TEMPLATES,
    "satellite": SATELLITE_TEMPLATES,
    "texture": TEXTURE_TEMPLATES,
}
# Names of sets, and of their variables in open_clip.
OPEN_CLIP_SETS = {
    "openai_imagenet": "OPENAI_IMAGENET_TEMPLATES",
    "simple_imagenet": "SIMPLE_IMAGENET_TEMPLATES",
}


def prompt_set(name: str) -> tuple[str | Callable[[str], str], ...]:
    """A set of templates for zero-shot classification, by its name.

    | name | templates |
    |---|---|
    | `"photographs"` | ours, 7 for the main object of a photograph |
    | `"satellite"` | ours, 4 for kinds of land: "forest", "an airport" |
    | `"medical"` | ours, 4 for findings: "a fracture of the wrist" |
    | `"texture"` | ours, 4 for adjectives: "striped" |
    | `"general"` | `GENERAL_TEMPLATES`, 7 of CLIP's for ImageNet |
    | `"cifar10"` | `CIFAR10_TEMPLATES`, CLIP's 18 for CIFAR |
    | `"openai_imagenet"` | CLIP's 80 for ImageNet, from open_clip |
    | `"simple_imagenet"` | 7 of those 80, from open_clip |

    The last two come from open_clip and need `pip install open_clip_torch`. Our
    own sets are short and were not tuned on any benchmark.

    Args:
        name: String, a name in the table.

    Returns:
        Tuple of strings with `{}` in place of the name, or of functions from
        the name to a string.

    Raises:
        ImportError: If open_clip is needed and not installed.
        ValueError: If there is no such set.

    Example:

    ```python
    import keras_contrastive as kc

    for template in kc.evaluation.prompt_set("satellite"):
        print(template.replace("{}", "farmland"))
    ```

    Reference:
        - [Radford et al., 2021](https://arxiv.org/abs/2103.00020),
          section 3.1.4
    """
    check_choice("name", name, (*PROMPT_SETS, *OPEN_CLIP_SETS))
    if name in OPEN_CLIP_SETS:
        return tuple(_of_open_clip(name))
    return PROMPT_SETS[name]


def _of_open_clip(name):
    try:
        import open_clip
    except ImportError as error:
        raise ImportError(
            f"The prompt set {name!r} is in open_clip: `pip install "
            "open_clip_torch`."
        ) from error
    return getattr(open_clip, OPEN_CLIP_SETS[name])
