"""The scenes of the shapes data set: factors and captions."""

import numpy as np

from keras_contrastive.datasets.procedural import shape_functions

PALETTE = {
    "red": (0.86, 0.12, 0.14),
    "orange": (0.98, 0.52, 0.08),
    "yellow": (0.97, 0.88, 0.15),
    "green": (0.13, 0.65, 0.25),
    "cyan": (0.20, 0.82, 0.86),
    "blue": (0.12, 0.28, 0.85),
    "purple": (0.50, 0.16, 0.70),
    "pink": (0.98, 0.50, 0.72),
}


def names(functions):
    return tuple(function.__name__ for function in functions)


FACTORS = {
    "shape": names(shape_functions.SHAPES),
    "color": tuple(PALETTE),
    "size": ("small", "large"),
    "texture": names(shape_functions.TEXTURES),
    "background_color": tuple(PALETTE),
    "background_pattern": names(shape_functions.BACKGROUND_PATTERNS),
}
TEMPLATES = (
    "a {size} {texture} {color} {shape} on a {background_color} background",
    "a {size} {color} {shape}{with_texture} on a {background_color} background",
    "a picture of a {size} {color} {shape}{with_texture}",
    "there is a {texture} {color} {shape} on a {background_pattern} "
    "{background_color} background",
    "a {background_pattern} {background_color} background behind a {size} "
    "{color} {shape}{with_texture}",
    "{texture} {color} {shape}, {size}, {background_color} background",
)
WITH_TEXTURE = {
    "plain": "",
    "striped": " with stripes",
    "dotted": " with dots",
    "checked": " with checks",
}
NUM_SPOTS = 3  # soft spots of light and shadow on the background


def draw_scenes(generator, num_scenes):
    """Draws the random factors of scenes.

    Lengths are in units of the image's side. The origin is the center of the
    image; x increases to the right and y downwards.

    Args:
        generator: A `numpy.random.Generator`.
        num_scenes: Int.

    Returns:
        A dict of arrays with `num_scenes` rows: for every key of `FACTORS` the
        index of its value, int64; the index `"template"` of the caption,
        int64; everything else float32.
    """

    def index(high):
        return generator.integers(high, size=num_scenes)

    def uniform(low, high, *shape):
        # Drawn in float64: rounding removes the last bit of a sine, which
        # differs between machines.
        values = generator.uniform(low, high, (num_scenes, *shape))
        return values.astype("float32")

    def coin():
        return index(2).astype("float32")

    scenes = {name: index(len(values)) for name, values in FACTORS.items()}
    # The background has any color except that of the shape.
    num_colors = len(PALETTE)
    scenes["background_color"] = (
        scenes["color"] + 1 + index(num_colors - 1)
    ) % num_colors

    small = scenes["size"] == FACTORS["size"].index("small")
    radius = np.where(small, uniform(0.17, 0.22), uniform(0.27, 0.34))
    # Tips are up to 1.3 radii from the center and may just leave the image.
    reach = 0.5 - 1.1 * radius
    return scenes | {
        "template": index(len(TEMPLATES)),
        "x": reach * uniform(-1, 1),
        "y": reach * uniform(-1, 1),
        "radius": radius,
        "angle": uniform(-np.pi / 6, np.pi / 6),
        # Frequencies are periods per radius here and per image side below.
        # `contrast` is how close the second tone is to white or black.
        "texture_frequency": uniform(1.0, 1.6),
        "texture_phase_x": uniform(0, 1),
        "texture_phase_y": uniform(0, 1),
        "texture_contrast": uniform(0.45, 0.65),
        "texture_lighter": coin(),
        "background_frequency": uniform(2.0, 5.0),
        "background_phase_x": uniform(0, 1),
        "background_phase_y": uniform(0, 1),
        "background_contrast": uniform(0.15, 0.4),
        "background_lighter": coin(),
        "background_angle": uniform(0, 2 * np.pi),
        "background_brightness": uniform(0.65, 1.0),
        "spot_x": uniform(-0.5, 0.5, NUM_SPOTS),
        "spot_y": uniform(-0.5, 0.5, NUM_SPOTS),
        "spot_radius": uniform(0.15, 0.4, NUM_SPOTS),
        "spot_strength": uniform(-0.4, 0.4, NUM_SPOTS),
        "light_angle": uniform(0, 2 * np.pi),
        "light_strength": uniform(0.1, 0.7),
    }


def write_captions(scenes, shift=0):
    """Writes a caption for every scene.

    Args:
        scenes: Dict returned by `draw_scenes`.
        shift: Int, selects one of a scene's captions, by template.

    Returns:
        An array of strings, shape `(num_scenes,)`.
    """
    captions = []
    columns = [scenes[name].tolist() for name in FACTORS]
    templates = (scenes["template"] + shift) % len(TEMPLATES)
    for template, *values in zip(templates.tolist(), *columns, strict=True):
        words = {
            name: FACTORS[name][value]
            for name, value in zip(FACTORS, values, strict=True)
        }
        words["with_texture"] = WITH_TEXTURE[words["texture"]]
        caption = TEMPLATES[template].format(**words)
        # "orange" is the only word that starts with a vowel.
        captions.append(caption.replace("a orange", "an orange"))
    return np.array(captions)
