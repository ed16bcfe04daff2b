"""The command line: `keras-contrastive --help`.

Each command has a parser in `parsers` and a module with a function `run`, a
thin layer over the public API.
"""
