"""Templates that turn the name of a class into sentences about an image."""

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
