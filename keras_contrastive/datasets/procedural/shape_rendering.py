"""Renders the scenes of `shape_scenes`.

Everything is float32, vectorized over a block of scenes, with one array
`(scenes, height, width)` per quantity and color channel. As in
`shape_functions`, pixels use only exactly rounded arithmetic.
"""

import numpy as np

from keras_contrastive.datasets.procedural import shape_functions
from keras_contrastive.datasets.procedural.shape_scenes import NUM_SPOTS
from keras_contrastive.datasets.procedural.shape_scenes import PALETTE

# Pixels rendered at once: temporaries of half a megabyte fit in the CPU cache.
BLOCK_PIXELS = 2**17

COLORS = np.array(list(PALETTE.values()), "float32")


def per_pixel(values):
    """Reshapes `(n,)` values of scenes to broadcast over their pixels."""
    return values[:, None, None]


def outer_sum(x, y):
    """`x + y` of `(n, width)` and `(n, height)`: `(n, height, width)`."""
    return x[:, None, :] + y[:, :, None]


def rotated(x, y, angle, scale):
    """The pixels' coordinates, turned by `angle` and divided by `scale`."""
    cosine = (np.cos(angle) / scale)[:, None]
    sine = (np.sin(angle) / scale)[:, None]
    return outer_sum(cosine * x, sine * y), outer_sum(-sine * x, cosine * y)


def evaluate(functions, kinds, *args):
    """Evaluates `functions[kind](*args)` with the kind of each scene."""
    result = np.empty_like(args[0])
    for kind in np.unique(kinds):
        scenes = kinds == kind
        result[scenes] = functions[kind](*(arg[scenes] for arg in args))
    return result


def shape_layers(scenes, grid):
    """The part of each pixel that the shape covers, and its texture."""
    radius = scenes["radius"]
    x, y = rotated(
        grid - scenes["x"][:, None],
        scenes["y"][:, None] - grid,  # shapes stand upright: upwards
        scenes["angle"],
        radius,
    )
    pixels = per_pixel(radius * grid.size)
    distance = evaluate(shape_functions.SHAPES, scenes["shape"], x, y)
    distance *= pixels
    frequency = per_pixel(scenes["texture_frequency"])
    texture = evaluate(
        shape_functions.TEXTURES,
        scenes["texture"],
        x * frequency + per_pixel(scenes["texture_phase_x"]),
        y * frequency + per_pixel(scenes["texture_phase_y"]),
        pixels / frequency,
    )
    return shape_functions.coverage(distance), texture


def background_layers(scenes, grid):
    """The background's pattern, and its spots of light and shadow."""
    period = 1 / scenes["background_frequency"]
    x, y = rotated(grid, grid, scenes["background_angle"], period)
    pattern = evaluate(
        shape_functions.BACKGROUND_PATTERNS,
        scenes["background_pattern"],
        x + per_pixel(scenes["background_phase_x"]),
        y + per_pixel(scenes["background_phase_y"]),
        per_pixel(period * grid.size),
    )
    spots = np.ones_like(pattern)
    for spot in range(NUM_SPOTS):
        radius = scenes["spot_radius"][:, spot, None]
        x = (grid - scenes["spot_x"][:, spot, None]) / radius
        y = (grid - scenes["spot_y"][:, spot, None]) / radius
        strength = np.maximum(outer_sum(1 - x * x, -y * y), 0)
        strength *= strength
        strength *= per_pixel(scenes["spot_strength"][:, spot])
        spots += strength
    return pattern, spots


def light_layer(scenes, grid):
    """Brightness from 0 to 255, increasing linearly in some direction."""
    light, _ = rotated(
        grid, grid, scenes["light_angle"], 1 / scenes["light_strength"]
    )
    return 255 * (1 + light)


def paint(weight, color, contrast, lighter):
    """Mixes one channel of a color with a lighter or darker second tone.

    Args:
        weight: `(n, height, width)`, weight of the second tone.
        color: `(n,)`, value of the channel.
        contrast: `(n,)`, how close the second tone is to white or black.
        lighter: `(n,)`, 1 for white, 0 for black.
    """
    channel = weight * per_pixel(contrast * (lighter - color))
    channel += per_pixel(color)
    return channel


def render_block(scenes, images):
    """Renders scenes of at most `BLOCK_PIXELS` pixels in total."""
    image_size = images.shape[1]
    grid = np.arange(image_size, dtype="float32") + 0.5
    grid = grid / image_size - 0.5
    inside, texture = shape_layers(scenes, grid)
    pattern, spots = background_layers(scenes, grid)
    light = light_layer(scenes, grid)
    color = COLORS[scenes["color"]]
    background = COLORS[scenes["background_color"]]
    background *= scenes["background_brightness"][:, None]
    for channel in range(3):
        front = paint(
            texture,
            color[:, channel],
            scenes["texture_contrast"],
            scenes["texture_lighter"],
        )
        back = paint(
            pattern,
            background[:, channel],
            scenes["background_contrast"],
            scenes["background_lighter"],
        )
        back *= spots
        front -= back
        front *= inside
        back += front
        back *= light
        back += 0.5  # conversion to uint8 rounds down
        images[..., channel] = np.clip(back, 0, 255)


def render(scenes, images):
    """Renders scenes into an array.

    Args:
        scenes: Dict returned by `shape_scenes.draw_scenes`.
        images: uint8 array `(num_scenes, image_size, image_size, 3)` to write
            to.
    """
    block = max(1, BLOCK_PIXELS // images.shape[1] ** 2)
    for start in range(0, len(images), block):
        part = slice(start, start + block)
        render_block(
            {name: values[part] for name, values in scenes.items()},
            images[part],
        )
