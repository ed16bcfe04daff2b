"""Call arguments of docstrings as a list, on the API pages."""

import re

import griffe

SECTION = re.compile(r"^Call arguments:\n((?:    .*\n|\n)+)", re.MULTILINE)
ARGUMENT = re.compile(r"^    (\S[^:\n]*):", re.MULTILINE)


class CallArguments(griffe.Extension):
    """The section is Keras' own: griffe would run its entries together."""

    def on_instance(self, *, obj, **kwargs):
        if obj.docstring:
            obj.docstring.value = SECTION.sub(
                lambda section: ARGUMENT.sub(r"    - `\1`:", section[0]),
                obj.docstring.value,
            )
