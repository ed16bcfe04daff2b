"""The parsers of the commands, which import neither Keras nor a backend.

Each module has a function `add_parser`, and its docstring is the help of the
command. `add_parser` sets `command`, the module of `keras_contrastive.cli` that
runs the command.
"""
