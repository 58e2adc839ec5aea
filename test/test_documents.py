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

# `test/rpc/test_sdk.py -k lost_session`, with or without a choice of tests.
TEST = re.compile(r'(test/[\w/]+\.py)(?: -k (?:"([^"]+)"|(\w+)))?')
LINK = re.compile(r'\]\(([^)#\s]+)(#[\w-]+)?\)')


def named_tests(text: str) -> Iterator[tuple[str, str]]:
    for file, several, one in TEST.findall(text):
        for name in (several or one or '').split(' or '):
            yield file, name


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
        path = (document.parent / target).resolve()
        assert path.exists(), f'{document.name}: {target}'
        if anchor and path.suffix == '.md':
            titles = re.findall(r'^#+ (.*)$', path.read_text(encoding='utf-8'), re.MULTILINE)
            anchors = {re.sub(r'[^\w -]', '', title.lower()).replace(' ', '-') for title in titles}
            assert anchor[1:] in anchors, f'{document.name}: {target}{anchor}'


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
