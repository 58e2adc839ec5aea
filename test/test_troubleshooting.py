# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
docs/troubleshooting.md has an entry for each message of the code, and no other entries.

A message is a text in the code of the package: each string argument of an exception or a logger,
and each other string with three words or more, wherever it stands. What is no refusal, warning or
error is listed in OTHER_CALLS and OTHER_PLACES, with the reason: a new message is found here
without any registration.

An entry of the page is a code span in the first column of a table. `...` and `base` in it stand
for anything; what is between them is in the text, in this order.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
import re
from typing import cast

PACKAGE = Path(__file__).resolve().parent.parent / 'viam_session_bridge'
PAGE = PACKAGE.parent / 'docs' / 'troubleshooting.md'

LOGGERS = ('warn', 'warning', 'error', 'exception', 'fatal', 'critical')

# By name and number of arguments: the text that a function or class makes of its arguments.
COMPOSED = {
    ('Mistake', 3): '{}: found {}; accepted: {}',
    ('wrong', 3): '....{}: found {}; accepted: {}',
    ('wrong', 2): '...: {}: accepted is {}',
    ('CertificateError', 4): '{}: found {}, {}; accepted: {}',
    ('_problem', 3): '...: {} {}; accepted: {}',
}

# More words than any text has.
NEVER = 10_000

# The strings in calls of these are no messages of their own.
OTHER_CALLS = {
    'described': 'the description of a parameter, in docs/parameters.md',
    'Spec': 'the description of a parameter, in docs/parameters.md',
    'info': 'a regular event',
    'Executable': 'a usage text',
    'Report': 'a status of /diagnostics',
    '_status': 'a status of /diagnostics',
    'expected': 'a type, after "expected" in a message about a stop path',
    'output': 'a type, after "choose" in a message about a stop path',
    'output_of': 'a type, after "choose" in a message about a stop path',
    'OutputTopic': 'a type, after "choose" in a message about a stop path',
    'named_by': 'a type, after "expected" in a message about a stop path',
    '_denied': 'what a key may not do, in "may not ... this resource"',
    '_attempt': 'the call, before "took ... ms"',
    'usable': 'a part after "accepted:"',
    'JointRest': 'a unit',
    'search': 'a regular expression',
    'TypeError': 'a fault of this package: reported as "driver fault"',
    'AttributeError': 'a fault of this package',
    'IndexError': 'handled where it is raised',
}

# The strings in these modules, classes and functions are no messages of their own.
OTHER_PLACES = {
    'cli/doctor.py': 'findings, in docs/doctor.md',
    'cli/doctor_checks.py': 'findings, in docs/doctor.md',
    'cli/demo.py': 'the demonstration',
    'cli/harness.py': 'the demonstration',
    'cli/scenarios.py': 'the demonstration',
    'cli/isolation.py': 'the demonstration',
    'cli/plot.py': 'the demonstration',
    'sim/diff_drive.py': 'the simulated robot',
    'bridge.py:_GRPC': 'a part, after "it hangs:"',
    'process.py:(PUMP, EXECUTOR)': 'a part, after "it hangs:"',
    'core/actuator.py:Actuator:_evidence': 'evidence of a stop, in docs/events.md',
    'core/peers.py:StartupStage': 'internal',
    'core/supervisor.py:Supervisor:reset': 'what was reset, in "reset by a service call"',
    'core/stop.py:RestSettings:_quantity': 'the name of a quantity, in measured values',
    'core/setpoints.py:Velocity:__str__': 'values of a command, quoted in messages',
    'core/setpoints.py:Power:__str__': 'values of a command, quoted in messages',
    'core/setpoints.py:Trajectory:__str__': 'values of a command, quoted in messages',
    'core/states.py:Event': 'events of the state machine, in docs/design.md',
    'executables.py': 'usage texts',
    'parameters/checks.py:shown': 'a value, after "found"',
    'parameters/checks.py:beyond_message': 'what is accepted, after "accepted:"',
    'parameters/joints.py:JOINT_STATES': 'docs/parameters.md',
    'parameters/topics.py:_Use:where': 'a value, after "found"',
    'parameters/load.py:Filling:usable': 'what is accepted, after "accepted:"',
    'parameters/document.py': 'docs/parameters.md',
    'parameters/schema.py': 'what is accepted, after "accepted:"',
    'ros/event_record.py': 'events, in docs/events.md',
    'ros/history.py': 'values of /diagnostics',
    'ros/journal.py:_begun': 'a regular event',
    'ros/parameters.py:_origin': 'a file name, in "The parameters are wrong"',
    'ros/stop_path.py:smoother_behind': 'a topic, with how it is reached',
    'rpc/server.py:Server:figures': 'values of /diagnostics',
}

# Command lines print results and help: only what these modules raise is a message.
COMMAND_LINES = ('cli/', 'launch/')

# Entries for many texts of one form; each other entry is for FEW at most.
FAMILIES = (
    '...: found ...; accepted: ...', '...: ...: accepted is ...', '; expected ...',
    'brought by ...')
FEW = 7


@dataclass(frozen=True)
class Text:
    """A text of the code; `...` stands for each value in it. left_out: it is no message."""

    place: str
    line: int
    template: str
    left_out: bool

    def __str__(self) -> str:
        return f'{self.place}:{self.line}: {self.template}'


def template(node: ast.AST) -> str | None:
    """Return the text of a string expression, with `...` for its values; None for others."""
    if isinstance(node, ast.Constant):
        return re.sub('%[sd]', '...', node.value) if isinstance(node.value, str) else None
    if isinstance(node, ast.Name):
        return constants().get(node.id)
    if isinstance(node, ast.Attribute):
        # The full name of a parameter, in a rule.
        return f'....{node.attr}' if ast.unparse(node.value) in ('own', 'own.around') else None
    if isinstance(node, ast.JoinedStr):
        return ''.join(template(part) or '...' for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return template(node.value) if isinstance(node.value, ast.Name | ast.Attribute) else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        parts = template(node.left), template(node.right)
        if parts != (None, None):
            return ''.join('...' if part is None else part for part in parts)
    return None


@cache
def constants() -> dict[str, str]:
    """Return the strings that a module calls by a name in capitals, where the name is unique."""
    found: dict[str, set[str]] = {}
    for tree in trees().values():
        for node in tree.body:
            value = node.value if isinstance(node, ast.Assign) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                for target in cast(ast.Assign, node).targets:
                    found.setdefault(ast.unparse(target), set()).add(value.value)
    return {name: min(values) for name, values in found.items()
            if name.isupper() and len(values) == 1}


def words(text: str) -> int:
    return sum(bool(re.search('[A-Za-z]{2}', word)) for word in text.split())


def called(node: ast.AST) -> str:
    """Return the last name of what a call calls."""
    function = node.func if isinstance(node, ast.Call) else None
    return getattr(function, 'attr', getattr(function, 'id', ''))


def children_of(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what is below a node, without docstrings and the parts of a string."""
    if isinstance(node, ast.JoinedStr | ast.BinOp) and template(node) is not None:
        yield from (each.value for each in ast.walk(node) if isinstance(each, ast.FormattedValue))
        return
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)):
            yield child


def is_regular_event(node: ast.AST) -> bool:
    """Return whether it is a sentence of the log with its level, which is INFO."""
    return isinstance(node, ast.Tuple) and any(
        ast.unparse(one) == 'logging.INFO' for one in node.elts[:1])


@cache
def trees() -> dict[str, ast.Module]:
    files = {str(path.relative_to(folder)): path for folder, pattern in (
        (PACKAGE, '**/*.py'), (PACKAGE.parent, 'launch/*.py'))
        for path in sorted(folder.glob(pattern))}
    return {name: ast.parse(path.read_text(encoding='utf-8')) for name, path in files.items()}


@cache
def refusing() -> frozenset[str]:
    """Return the names of loggers' methods, of exceptions, and of functions that return one."""
    nodes = [node for tree in trees().values() for node in ast.walk(tree)]
    bases = {node.name: [ast.unparse(base).rpartition('.')[2] for base in node.bases]
             for node in nodes if isinstance(node, ast.ClassDef)}

    def fails(name: str) -> bool:
        return name.endswith(('Error', 'Exception')) or any(map(fails, bases.get(name, ())))

    return frozenset(LOGGERS) | {name for name in bases if fails(name)} | {
        node.name for node in nodes
        if isinstance(node, ast.FunctionDef) and node.returns and fails(ast.unparse(node.returns))}


def texts_in(node: ast.AST, place: str, least: int = 3, left_out: bool = False) -> Iterator[Text]:
    """Yield the texts in a syntax tree; with fewer words than `least`, one is no message."""
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        place = f'{place}:{node.name}'
    elif isinstance(node, ast.Assign | ast.AnnAssign) and ':' not in place:
        target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
        place = f'{place}:{ast.unparse(target)}'
    left_out = (left_out or place in OTHER_PLACES or called(node) in OTHER_CALLS
                or isinstance(node, ast.arguments) or is_regular_event(node))
    line = getattr(node, 'lineno', 0)
    if isinstance(node, ast.Call):
        form = COMPOSED.get((called(node), len(node.args)))
        if form is not None:
            yield Text(place, line, form.format(*(
                template(argument) or '...' for argument in node.args)), left_out)
            return
        raised = called(node) in refusing() or called(node).endswith('Error')
        least = 1 if raised else NEVER if place.startswith(COMMAND_LINES) else 3
    elif isinstance(node, ast.BoolOp):
        least = max(least, 3)
    text = None if isinstance(node, ast.Name | ast.Attribute) else template(node)
    if text:
        yield Text(place, line, ' '.join(text.split()), left_out or words(text) < least)
        # The strings in its values are parts.
        least = max(least, 3)
    for child in children_of(node):
        yield from texts_in(child, place, least, left_out)


@cache
def texts() -> tuple[Text, ...]:
    return tuple(text for name, tree in trees().items() for text in texts_in(
        tree, name, NEVER if name.startswith(COMMAND_LINES) else 3))


@cache
def entries() -> tuple[str, ...]:
    rows = re.findall(r'^\| (?!message|reason)(.*?) \| ', PAGE.read_text(encoding='utf-8'),
                      re.MULTILINE)
    return tuple(entry for row in rows for entry in re.findall('`([^`]+)`', row))


@cache
def covered(entry: str) -> tuple[Text, ...]:
    """Return the texts that an entry is for."""
    parts = re.split(r"'?\.\.\.'?|\b(?:base|grpc)\b", entry)
    rarest = max(parts, key=len)
    pattern = re.compile('.*'.join(map(re.escape, parts)))
    return tuple(text for text in texts()
                 if rarest in text.template and pattern.search(text.template))


def test_every_message_has_an_entry() -> None:
    listed = {text for entry in entries() for text in covered(entry)}
    missing = [str(text) for text in texts() if not text.left_out and text not in listed]
    assert not missing, f'add to {PAGE.name}, or to OTHER_PLACES with a reason:\n' + '\n'.join(
        missing)


def test_every_entry_has_a_message() -> None:
    stale = [entry for entry in entries() if not covered(entry)]
    assert not stale, 'the code has no such text:\n' + '\n'.join(stale)


def test_an_entry_is_for_few_messages_unless_it_is_a_family() -> None:
    broad = {entry: len({text.template for text in covered(entry)}) for entry in entries()}
    assert not {entry: number for entry, number in broad.items()
                if number > FEW and entry not in FAMILIES}


def test_texts_that_are_composed_here_have_the_form_of_the_code() -> None:
    for form in COMPOSED.values():
        parts = [part for part in re.split(r'\{\}|\.\.\.', form) if part.strip()]
        assert any(re.search('.*'.join(map(re.escape, parts)), text.template)
                   for text in texts()), form


def test_what_is_left_out_exists() -> None:
    nodes = [node for tree in trees().values() for node in ast.walk(tree)]
    assert not OTHER_CALLS.keys() - set(map(called, nodes))
    places = {text.place for text in texts() if text.left_out}
    assert not [each for each in OTHER_PLACES if not any(
        place == each or place.startswith(f'{each}:') for place in places)]
