# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""What the documents point at exists: tests by file and name, files, and other documents."""

from collections.abc import Iterator
from pathlib import Path
import re

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [ROOT / 'README.md', ROOT / 'CONTRIBUTING.md', *sorted((ROOT / 'docs').glob('*.md'))]

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
