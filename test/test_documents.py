# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""What the documents point at exists, and the parameter files of the tutorials are accepted."""

from collections.abc import Iterator
from pathlib import Path
import re
from typing import Any

import pytest
import yaml

from viam_session_bridge.parameters.checks import GraphNames
from viam_session_bridge.parameters.load import judge

ROOT = Path(__file__).resolve().parent.parent
TUTORIALS = sorted((ROOT / 'docs' / 'tutorials').glob('*.md'))
DOCUMENTS = [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', *sorted((ROOT / 'docs').glob('*.md')),
             *TUTORIALS]

# `test/rpc/test_sdk.py -k lost_session`, with or without a choice of tests; or
# `test/rpc/test_sdk.py::test_connects`.
TEST = re.compile(r'(test/[\w/]+\.py)(?: -k (?:"([^"]+)"|(\w+))|::(\w+))?')
# `test_keys.py`: `forged_token`, `random_bytes`, by the name of the file alone.
PLAIN_TEST = re.compile(r'`(test_\w+\.py)`(?:: ((?:`\w+`(?:, )?)+))?')
LINK = re.compile(r'\]\(([^)#\s]*)(#[\w-]+)?\)')
# A file or folder of the repository, not a part of a longer path.
PATH = re.compile(
    r'(?<![\w./~-])(?:bench|config|examples|launch|requirements|test|tools)/[\w./-]*\w')
MAKE = re.compile(r'`make ([a-z]+)')
CODE = re.compile(r'^```.*?^```$', re.MULTILINE | re.DOTALL)


def named_tests(text: str) -> Iterator[tuple[str, str]]:
    for file, several, one, exact in TEST.findall(text):
        for name in (several or one or exact).split(' or '):
            yield file, name
    for file, names in PLAIN_TEST.findall(text):
        paths = sorted((ROOT / 'test').rglob(file))
        for name in re.findall(r'\w+', names) or ['']:
            # Several folders may have a file of this name.
            fitting = [path for path in paths if name in path.read_text(encoding='utf-8')]
            yield str((fitting or paths or [ROOT / file])[0].relative_to(ROOT)), name


def anchors_of(path: Path) -> set[str]:
    """Return the anchors of the headings of a document, as GitHub and Sphinx make them."""
    text = CODE.sub('', path.read_text(encoding='utf-8'))
    return {re.sub(r'[^\w -]', '', title.lower()).replace(' ', '-')
            for title in re.findall(r'^#+ (.*)$', text, re.MULTILINE)}


@pytest.mark.parametrize('document', DOCUMENTS, ids=lambda path: path.name)
def test_tests_that_a_document_names_exist(document: Path) -> None:
    for file, name in named_tests(document.read_text(encoding='utf-8')):
        path = ROOT / file
        assert path.is_file(), f'{document.name}: {file}'
        tests = ['', *re.findall(r'def (test_\w+)', path.read_text(encoding='utf-8'))]
        chosen = [test for test in tests if name in test]
        assert chosen, f'{document.name}: {file} -k {name}'


@pytest.mark.parametrize('document', DOCUMENTS, ids=lambda path: path.name)
def test_files_that_a_document_links_to_exist(document: Path) -> None:
    for target, anchor in LINK.findall(document.read_text(encoding='utf-8')):
        if target.startswith(('http:', 'https:', 'mailto:')):
            continue
        path = (document.parent / target).resolve() if target else document
        assert path.exists(), f'{document.name}: {target}'
        if anchor and path.suffix == '.md':
            assert anchor[1:] in anchors_of(path), f'{document.name}: {target}{anchor}'


@pytest.mark.parametrize('document', DOCUMENTS, ids=lambda path: path.name)
def test_paths_and_make_targets_that_a_document_names_exist(document: Path) -> None:
    text = document.read_text(encoding='utf-8')
    missing = [path for path in PATH.findall(text) if not (ROOT / path).exists()]
    assert not missing, document.name
    targets = set(re.findall(r'^([a-z]+):', (ROOT / 'Makefile').read_text(encoding='utf-8'),
                             re.MULTILINE))
    assert not set(MAKE.findall(text)) - targets, document.name


def examples_of(document: Path) -> Iterator[dict[str, Any]]:
    """Yield the parameter files of a tutorial; an indented block adds to the resource above it."""
    found: dict[str, Any] = {}
    for block in re.findall(
            r'^```yaml\n(.*?)^```$', document.read_text(encoding='utf-8'),
            re.DOTALL | re.MULTILINE):
        content = yaml.safe_load(block)
        if '/**' in content:
            found = content['/**']['ros__parameters']
        elif block.startswith(' ') and found:
            found[found['resources'][0]].update(content)
        else:
            continue
        yield found


@pytest.mark.parametrize(
    'document', [ROOT / 'README.md', *TUTORIALS], ids=lambda path: path.name)
def test_parameters_of_a_tutorial_are_accepted(document: Path) -> None:
    examples = list(examples_of(document))
    assert examples, document.name
    for example in examples:
        # As the launch file starts it.
        checked = judge({'guard.required': True} | flat(example), GraphNames(
            '/viam_session_bridge', '/', lambda name: f'/{name.lstrip("/")}',
            lambda name: f'/{name.lstrip("/")}'))
        assert checked.config is not None, (document.name, checked.errors)


def flat(block: dict[str, Any], prefix: str = '') -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in block.items():
        found |= flat(value, f'{prefix}{name}.') if isinstance(value, dict) else {
            prefix + name: value}
    return found
