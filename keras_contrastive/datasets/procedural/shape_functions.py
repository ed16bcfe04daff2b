"""Shapes and patterns as functions of the coordinates.

Only arithmetic that IEEE 754 rounds exactly is used (no sine, no matrix
product), so that every machine draws the same bytes.
"""

import math

import numpy as np

EDGE_WIDTH = 1.5  # pixels over which an edge fades

SIN_36, COS_36 = math.sin(math.pi / 5), math.cos(math.pi / 5)
SIN_60 = math.sin(math.pi / 3)


def smoothstep(t):
    """Rises from 0 to 1 with zero slope at both ends, for `t` in [0, 1]."""
    return t * t * (3 - 2 * t)


def triangle_wave(t):
    """1 at the integers, 0 halfway between them."""
    return np.abs(2 * (t - np.floor(t)) - 1)


def coverage(distance):
    """The part of a pixel inside an edge at a signed `distance` in pixels."""
    return smoothstep(np.clip(0.5 - distance / EDGE_WIDTH, 0, 1))


# Shapes: signed distances to outlines around the origin, negative inside. All
# enclose about the same area, 2.2. Corners are mitered, edges exact.


def circle(x, y):
    return np.sqrt(x * x + y * y) - 0.84


def square(x, y):
    return np.maximum(np.abs(x), np.abs(y)) - 0.75


def triangle(x, y):
    return np.maximum(-y, SIN_60 * np.abs(x) + 0.5 * y) - 0.64


def star(x, y):
    # Fold the plane into the tenth that holds a single straight edge, from the
    # tip (0, 1.3) to the notch (0.344, 0.473).
    x = np.abs(x)
    for side in (1, -1):
        beyond = np.maximum(side * COS_36 * x - SIN_36 * y, 0)
        x = x - 2 * side * COS_36 * beyond
        y = y + 2 * SIN_36 * beyond
    return 0.9233 * np.abs(x) + 0.3841 * y - 0.4993


def cross(x, y):
    x, y = np.abs(x), np.abs(y)
    return np.maximum(np.maximum(x, y) - 1.0, np.minimum(x, y) - 0.34)


def ring(x, y):
    return np.abs(np.sqrt(x * x + y * y) - 0.74) - 0.24


def diamond(x, y):
    return 0.8742 * np.abs(x) + 0.4856 * np.abs(y) - 0.64


def hexagon(x, y):
    x, y = np.abs(x), np.abs(y)
    return np.maximum(y, SIN_60 * x + 0.5 * y) - 0.79


# Patterns of period 1: the weight, from 0 to 1, of their second tone. `pixels`
# is the length of a period.


def plain(x, y, pixels):
    return np.zeros_like(x)


def smooth(x, y, pixels):
    return smoothstep(triangle_wave(0.2 * x))


def cloudy(x, y, pixels):
    x, y = (
        x + smoothstep(triangle_wave(0.6 * y)),
        y + smoothstep(triangle_wave(0.4 * x)),
    )
    return smoothstep(0.5 * (triangle_wave(0.5 * x) + triangle_wave(0.7 * y)))


def striped(x, y, pixels):
    return coverage((0.5 * triangle_wave(x) - 0.25) * pixels)


def dotted(x, y, pixels):
    x = x - np.floor(x) - 0.5
    y = y - np.floor(y) - 0.5
    return coverage((np.sqrt(x * x + y * y) - 0.3) * pixels)


def checked(x, y, pixels):
    x = 0.5 * triangle_wave(x) - 0.25
    y = 0.5 * triangle_wave(y) - 0.25
    return coverage(np.maximum(np.minimum(x, y), np.minimum(-x, -y)) * pixels)


SHAPES = (circle, square, triangle, star, cross, ring, diamond, hexagon)
TEXTURES = (plain, striped, dotted, checked)
BACKGROUND_PATTERNS = (smooth, striped, cloudy, checked)
