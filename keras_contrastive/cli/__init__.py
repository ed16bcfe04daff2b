"""The command line: `python -m keras_contrastive --help`.

Each command is a module with `add_parser` and `run`, a thin layer over the
public API.
"""
