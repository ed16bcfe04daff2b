"""A clock in place of time, for the choice of the threads that decode."""

import threading
import types

from keras_contrastive.datasets.files.pixel_reader import PixelReader


def record_decoding(monkeypatch, module, seconds):
    """Leaves images as they are; each takes `seconds` by the module's clock.

    Returns:
        The list to which each image adds the name of its thread.
    """
    clock, threads = [0.0], []

    def read(reader, image):
        clock[0] += seconds
        threads.append(threading.current_thread().name)
        return image

    monkeypatch.setattr(PixelReader, "read", read)
    timer = types.SimpleNamespace(perf_counter=lambda: clock[0])
    monkeypatch.setattr(module, "time", timer)
    return threads
