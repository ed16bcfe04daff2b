"""What a program does on a GPU, read from the text that XLA compiled it to."""

import math
import re
from collections import Counter
from typing import NamedTuple

SIZES = {
    "pred": 1,
    "s8": 1,
    "u8": 1,
    "s16": 2,
    "u16": 2,
    "f16": 2,
    "bf16": 2,
    "s32": 4,
    "u32": 4,
    "f32": 4,
    "s64": 8,
    "u64": 8,
    "f64": 8,
}
ARRAY = re.compile(rf"\b({'|'.join(SIZES)})\[([\d,]*)\]")
COMPUTATION = re.compile(r"^(ENTRY )?%?([\w.\-]+) \(.*\{$")
OPERATION = re.compile(
    r"^\s+(?:ROOT )?%?([\w.\-]+) = (\(.*?\)|\S+) ([\w\-]+)\((.*)$"
)
# Without a kernel of their own.
FREE = {
    "bitcast",
    "constant",
    "get-tuple-element",
    "parameter",
    "tuple",
    "copy-done",
    "async-done",
    "after-all",
    "opt-barrier",
}
CONTROL = {"while", "call", "conditional"}


class Operation(NamedTuple):
    name: str
    shape: str
    kind: str
    operands: list
    attributes: str
    is_root: bool


class Traffic(NamedTuple):
    """Kernels that are launched, and the bytes that they read and write."""

    kernels: int = 0
    bytes: int = 0

    def plus(self, other, times=1):
        return Traffic(
            self.kernels + times * other.kernels,
            self.bytes + times * other.bytes,
        )


class Executable:
    """A compiled program.

    Args:
        text: What `as_text()` of a compiled JAX function returns.
    """

    def __init__(self, text):
        self.computations, self.entry = _parse(text)

    def traffic(self, computation=None):
        """The `Traffic` of a computation; a loop counts once for each trip."""
        operations = self.computations[computation or self.entry]
        shapes = {each.name: each.shape for each in operations}
        total = Traffic()
        for each in operations:
            if each.kind in CONTROL:
                for called in _called(each):
                    total = total.plus(self.traffic(called), _trips(each))
            elif each.kind not in FREE:
                total = total.plus(Traffic(1, self._bytes(each, shapes)))
        return total

    def convolutions(self):
        """How many convolutions there are of each dtype, such as `bf16`."""
        return Counter(
            ARRAY.search(each.shape)[1]
            for operations in self.computations.values()
            for each in operations
            if each.kind == "convolution"
            or (each.kind == "custom-call" and "cudnn$conv" in each.attributes)
        )

    def largest_float32(self):
        """Bytes of the largest float32 array that is kept between kernels."""
        return max(
            (
                _bytes_of(f"f32[{shape}]")
                for each in self.computations[self.entry]
                for dtype, shape in ARRAY.findall(each.shape)
                if dtype == "f32" and each.kind not in FREE | CONTROL
            ),
            default=0,
        )

    def _bytes(self, operation, shapes):
        """What it reads and writes; of what it slices, only the slices."""
        operands = [_bytes_of(shapes.get(o, "")) for o in operation.operands]
        result = _bytes_of(operation.shape)
        if operation.kind in ("dynamic-slice", "slice"):
            return 2 * result
        if operation.kind == "dynamic-update-slice":
            return 2 * operands[1]
        if operation.kind == "fusion":
            body = self.computations[_called(operation)[0]]
            operands = _sliced_operands(body, operands)
            result = _updated_result(body, result)
        return sum(operands) + result


def _parse(text):
    computations, entry, operations = {}, None, None
    for line in text.splitlines():
        start = COMPUTATION.match(line)
        if start:
            operations = computations.setdefault(start[2], [])
            entry = start[2] if start[1] else entry
        elif line.startswith("}"):
            operations = None
        elif operations is not None:
            found = OPERATION.match(line)
            if found:
                name, shape, kind, rest = found.groups()
                arguments, _, attributes = rest.partition(")")
                operands = re.findall(r"%([\w.\-]+)", arguments)
                if kind == "parameter":
                    operands = [int(arguments)]
                operations.append(
                    Operation(
                        name,
                        shape,
                        kind,
                        operands,
                        attributes,
                        line.lstrip().startswith("ROOT "),
                    )
                )
    return computations, entry


def _called(operation):
    names = r"(?:calls|body|to_apply|branch_computations)=(\{.*?\}|[^,]+)"
    found = re.search(names, operation.attributes)
    return re.findall(r"[\w.\-]+", found[1]) if found else []


def _trips(operation):
    found = re.search(r'known_trip_count":\{"n":"(\d+)"', operation.attributes)
    return int(found[1]) if found else 1


def _bytes_of(shapes):
    return sum(
        SIZES[dtype] * _count(f"{dtype}[{dimensions}]")
        for dtype, dimensions in ARRAY.findall(shapes)
    )


def _count(shape):
    """The number of values of one array."""
    dimensions = ARRAY.search(shape)[2].split(",")
    return math.prod(int(each) for each in filter(None, dimensions))


def _sliced_operands(body, operands):
    """Bytes that a fusion reads of each operand."""
    read = list(operands)
    for parameter in body:
        if parameter.kind != "parameter":
            continue
        part = _share_read(body, parameter)
        size = _bytes_of(parameter.shape)
        read[parameter.operands[0]] = round(part * size)
    return read


def _share_read(body, value):
    """The share of a value in a fusion that its users read; at most 1."""
    share = 0
    for user in body:
        if value.name not in user.operands:
            continue
        is_whole = user.operands[0] != value.name
        if user.kind in ("slice", "dynamic-slice") and not is_whole:
            share += _count(user.shape) / _count(value.shape)
        elif user.kind in ("convert", "bitcast") and not user.is_root:
            # A fusion computes only the values that it uses.
            share += _share_read(body, user)
        elif user.kind != "dynamic-update-slice" or is_whole:
            return 1
    return min(share, 1)


def _updated_result(body, result):
    """Bytes that a fusion writes."""
    shapes = {each.name: each.shape for each in body}
    root = next(each for each in body if each.is_root)
    if root.kind != "dynamic-update-slice":
        return result
    return _bytes_of(shapes[root.operands[1]])
