"""The command line: `keras-contrastive --help`.

Each command is a parser in `parsers` and a module with `run`, a thin layer over
the public API.
"""
