"""The parsers of the commands, without Keras or a backend.

Each is a module with `add_parser`, whose docstring is its help. It names the
module of `keras_contrastive.cli` that runs the command.
"""
