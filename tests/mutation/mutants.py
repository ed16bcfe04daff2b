"""Small faults that a test should notice, each alone in a source file.

Left as they are: imports, annotations, docstrings, names, what is raised (but
not whether it is), and strings, but for those that arguments default to. What
other backends run is not there.
"""

import ast
import copy
from typing import NamedTuple

SWAPS = {
    ast.Add: [ast.Sub],
    ast.Sub: [ast.Add],
    ast.Mult: [ast.Div],
    ast.Div: [ast.Mult],
    ast.FloorDiv: [ast.Mult],
    ast.Mod: [ast.Mult],
    ast.Pow: [ast.Mult],
    ast.Lt: [ast.LtE, ast.Gt],
    ast.LtE: [ast.Lt, ast.Gt],
    ast.Gt: [ast.GtE, ast.Lt],
    ast.GtE: [ast.Gt, ast.Lt],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
    ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
    ast.And: [ast.Or],
    ast.Or: [ast.And],
}
NO_CODE = ast.Import, ast.ImportFrom, ast.expr_context, ast.operator, ast.cmpop


class Mutant(NamedTuple):
    line: int
    change: str
    source: str


def mutants_of(source, backend):
    """All mutants of what a backend runs of a file, in the order of lines."""
    tree = _OneBackend(backend).visit(ast.parse(source))
    rebound = set(_rebound(tree))
    found = []
    for parent, node in _places(tree):
        for change in _changes(parent, node, rebound):
            # A copy in which `change` stands for `node`.
            mutated = ast.unparse(copy.deepcopy(tree, {id(node): change}))
            text = f"{_short(node)} -> {_short(change)}"
            found.append(Mutant(node.lineno, text, mutated))
    return sorted(found)


class _OneBackend(ast.NodeTransformer):
    """Leaves out what `if`s reserve to the other backends."""

    def __init__(self, backend):
        self.backend = backend

    def visit_If(self, node):
        self.generic_visit(node)
        match node.test:
            case ast.Compare(called, [ast.Eq()], [ast.Constant(name)]) if (
                ast.unparse(called) == "keras.backend.backend()"
            ):
                return node.body if name == self.backend else node.orelse
        return node

    def visit_FunctionDef(self, node):
        self.generic_visit(node)
        returns = [isinstance(line, ast.Return) for line in node.body]
        if True in returns:
            del node.body[returns.index(True) + 1 :]
        return node


def _short(node):
    if isinstance(node, ast.If):
        node = node.test
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 60 else f"{text[:50]} ... {text[-5:]}"


def _places(parent):
    """What may be changed below a node, with what it stands in."""
    for field, value in ast.iter_fields(parent):
        for node in value if isinstance(value, list) else [value]:
            if not isinstance(node, ast.AST) or isinstance(node, NO_CODE):
                continue
            if field in ("annotation", "returns") or _is_name(parent, node):
                continue
            if isinstance(node, ast.Expr | ast.Assign):
                if isinstance(node.value, ast.Constant | ast.List):
                    continue  # a docstring, `__all__`
            yield parent, node
            if not isinstance(node, ast.Raise):
                yield from _places(node)


def _is_name(parent, node):
    """Whether it is what an argument called `name` defaults to."""
    if not isinstance(parent, ast.arguments) or node not in parent.defaults:
        return False
    position = parent.defaults.index(node) - len(parent.defaults)
    return parent.args[position].arg == "name"


def _rebound(tree):
    """Assignments to a name that its function had before."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        known = {argument.arg for argument in function.args.args}
        statements = (n for n in ast.walk(function) if isinstance(n, ast.stmt))
        for node in sorted(statements, key=lambda n: n.lineno):
            if not isinstance(node, ast.Assign):
                continue
            stored = {n.id for n in ast.walk(node) if _is_stored(n)}
            if stored <= known and stored:
                yield node
            known |= stored


def _is_stored(node):
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def _changes(parent, node, rebound):
    match node:
        case ast.BinOp(left, operator, right):
            for swap in SWAPS.get(type(operator), []):
                yield ast.BinOp(left, swap(), right)
            yield left
        case ast.BoolOp(operator, values):
            yield ast.BoolOp(SWAPS[type(operator)][0](), values)
            for i in range(len(values)):
                yield ast.BoolOp(operator, values[:i] + values[i + 1 :])
        case ast.Compare(left, [operator], right):
            for swap in SWAPS[type(operator)]:
                yield ast.Compare(left, [swap()], right)
        case ast.Compare(left, operators, right):
            for i, operator in enumerate(operators):
                for swap in SWAPS[type(operator)]:
                    swapped = [*operators[:i], swap(), *operators[i + 1 :]]
                    yield ast.Compare(left, swapped, right)
        case ast.UnaryOp():
            yield node.operand
        case ast.Constant(bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(int(value)):
            yield ast.Constant(value + 1)
            if value == 1:
                yield ast.Constant(0)
        case ast.Constant(float(value)):
            yield ast.Constant(2 * value if value else 1.0)
        case ast.Constant(str()) if isinstance(parent, ast.arguments):
            yield ast.Constant(None)
        case ast.Call(function, arguments, keywords):
            for i in range(len(keywords)):
                fewer = keywords[:i] + keywords[i + 1 :]
                yield ast.Call(function, arguments, fewer)
        case ast.Slice(lower, upper, step):
            if lower:
                yield ast.Slice(None, upper, step)
            if upper:
                yield ast.Slice(lower, None, step)
        case ast.If() | ast.IfExp():
            for truth in (True, False):
                test = ast.Constant(truth)
                yield type(node)(test, node.body, node.orelse)
        case ast.Return(ast.AST()):
            yield ast.Return()
        case ast.AugAssign(target, operator, value):
            for swap in SWAPS.get(type(operator), []):
                yield ast.AugAssign(target, swap(), value)
            yield ast.Pass()
        case ast.Expr(ast.Call()) | ast.Raise():
            yield ast.Pass()
        case ast.Assign() if node in rebound:
            yield ast.Pass()
