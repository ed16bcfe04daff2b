"""The command line: `python -m keras_contrastive --help`.

Each command is a module with `add_parser` and `run`, thin over the public API.
"""
