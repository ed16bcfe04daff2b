"""A disk that is full, for the process of the tests."""

import contextlib

import pytest


@contextlib.contextmanager
def full_disk(size):
    """Files end at `size` bytes: writing more fails as on a full disk."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
