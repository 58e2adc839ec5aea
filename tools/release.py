#!/usr/bin/env python3
# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The checklist of a release: `make release`, or `make release ARGS=--fast` without the slow checks.

It writes the source archive build/viam_session_bridge-VERSION.tar.gz, and changes nothing else.
Prints one line for each check: ok or FAILED, with the reason. Exit status: 0 if all are ok, 1
otherwise.
"""

import argparse
from collections.abc import Callable, Mapping
from datetime import date
from functools import partial
import gzip
import hashlib
import os
from pathlib import Path
import re
import subprocess
import sys
import tempfile
import time
from typing import Any, NamedTuple
from xml.etree import ElementTree

from catkin_pkg.changelog import CHANGELOG_FILENAME, get_changelog_from_path
import yaml

ROOT = Path(__file__).resolve().parent.parent
NAME = 'viam_session_bridge'
BRANCH = 'main'

# The longest time (s) of one command of a check.
PATIENCE = 1500.0

# Where the version is written, and how.
VERSIONS = {
    'package.xml': r'<version>(.+)</version>',
    'setup.py': r"^    version='(.+)',$",
    f'{NAME}/__init__.py': r"^__version__ = '(.+)'$",
    'CITATION.cff': r'^version: (.+)$',
}

# The tests that compare the generated documents and pictures with the code.
GENERATED = (
    'test/parameters/test_parameters.py::test_the_checked_in_reference_is_current',
    'test/test_methods_document.py', 'test/test_events_document.py',
    'test/test_states_document.py', 'test/test_figures.py', 'test/test_pictures.py')

# Documents of a measurement: the command, and a line that each measurement changes. People judge
# whether a document is too old.
MEASURED = {
    'docs/faults.md': ('make faults', r'^\*\*[0-9]+ faults of '),
    'docs/benchmarks.md': ('make bench', r'^\| deadline to zero at DDS, idle '),
    'docs/versions.md': ('make matrix', r'^\| (jazzy|kilted) \|.* passed')}

# The keys of the Citation File Format 1.2.0, and those that it requires.
CITATION_KEYS = {
    'abstract', 'authors', 'cff-version', 'commit', 'contact', 'date-released', 'doi',
    'identifiers', 'keywords', 'license', 'license-url', 'message', 'preferred-citation',
    'references', 'repository', 'repository-artifact', 'repository-code', 'title', 'type', 'url',
    'version'}
CITATION_REQUIRED = {'authors', 'cff-version', 'message', 'title'}


class Failed(Exception):
    """A check failed; the text is the reason, and what to do."""


class Check(NamedTuple):
    """A check of the list. run: gets the folder of the checkout, returns a remark or raises."""

    name: str
    run: Callable[[Path], str]
    slow: bool = False


def output(*words: str, root: Path, environment: Mapping[str, str] | None = None) -> str:
    """Run a command; returns what it printed. Raises Failed with the end of its output."""
    try:
        done = subprocess.run(
            words, cwd=root, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=PATIENCE)
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise Failed(str(problem)) from problem
    if done.returncode:
        tail = '\n'.join(f'    | {line}' for line in done.stdout.splitlines()[-30:])
        raise Failed(f'{" ".join(words)}: exit status {done.returncode}\n{tail}')
    return done.stdout


def git(root: Path, *words: str) -> str:
    """Return the output of git."""
    # Without the objection to a checkout of another user, as in a container.
    return output('git', '-c', f'safe.directory={root}', *words, root=root).rstrip()


def text(root: Path, name: str) -> str:
    """Return the text of a file. Raises Failed if it is missing."""
    try:
        return (root / name).read_text(encoding='utf-8')
    except OSError as problem:
        raise Failed(f'{name}: {problem.strerror}') from problem


def tree(root: Path) -> str:
    """Check that all is committed on the main branch, and that the tag is free."""
    changed = git(root, 'status', '--porcelain').splitlines()
    if changed:
        raise Failed(f'{len(changed)} files are not committed, the first is {changed[0][3:]}')
    branch = git(root, 'rev-parse', '--abbrev-ref', 'HEAD')
    if branch != BRANCH:
        raise Failed(f'the branch is {branch}, releases are made from {BRANCH}')
    version, head = versions(root), git(root, 'rev-parse', 'HEAD')
    tagged = git(root, 'tag', '--list', version) and git(root, 'rev-list', '-n1', version)
    if tagged not in ('', head):
        raise Failed(f'the tag {version} exists at {tagged[:9]}, not at {head[:9]}')
    return f'{head[:9]} on {branch}, nothing to commit'


def versions(root: Path) -> str:
    """Return the version, which all files agree on."""
    found = {name: re.findall(pattern, text(root, name), re.MULTILINE)
             for name, pattern in VERSIONS.items()}
    expected = found['package.xml']
    different = [f'{name} has {", ".join(each) or "none"}' for name, each in found.items()
                 if len(each) != 1 or each != expected]
    if different:
        raise Failed(f'package.xml has {", ".join(expected) or "none"}, {"; ".join(different)}')
    return str(expected[0])


def released(root: Path) -> date:
    """Return the date of the version in the changelog."""
    version = versions(root)
    text(root, CHANGELOG_FILENAME)
    try:
        entries = get_changelog_from_path(str(root / CHANGELOG_FILENAME), NAME)
        found = {name: when for name, when, _ in entries.foreach_version()}
    except Exception as problem:  # the exceptions of docutils and of dateutil
        raise Failed(f'{CHANGELOG_FILENAME} cannot be read: {problem}') from problem
    if version not in found:
        raise Failed(f'{CHANGELOG_FILENAME} has no section `{version} (YEAR-MONTH-DAY)`; it has '
                     f'{", ".join(found) or "none"}')
    when: date = found[version].date()
    return when


def changelog(root: Path) -> str:
    """Check that the version has a section with a date, and that no change waits."""
    version, when = versions(root), released(root)
    content = text(root, CHANGELOG_FILENAME)
    forthcoming = re.search(r'^Forthcoming\n-+\n+(?=(.+)\n(?!-))', content, re.MULTILINE)
    if forthcoming is not None:
        raise Failed(f'{CHANGELOG_FILENAME}: "Forthcoming" is not empty ({forthcoming[1]}); '
                     'rename it to the version and its date')
    if when > date.today():
        raise Failed(f'{CHANGELOG_FILENAME}: {when} is in the future')
    return f'{version} of {when}'


def citation(root: Path) -> str:
    """Check CITATION.cff by the Citation File Format, and that it agrees with other files."""
    try:
        content: Any = yaml.safe_load(text(root, 'CITATION.cff'))
    except yaml.YAMLError as problem:
        raise Failed(f'CITATION.cff: {problem}') from problem
    if not isinstance(content, dict):
        raise Failed('CITATION.cff has no keys')
    unknown, missing = set(content) - CITATION_KEYS, CITATION_REQUIRED - set(content)
    if unknown or missing:
        raise Failed(f'CITATION.cff: unknown keys {sorted(unknown)}, missing {sorted(missing)}')
    authors = content['authors']
    named = isinstance(authors, list) and authors and all(
        isinstance(one, dict) and {'name', 'family-names', 'given-names'} & set(one)
        for one in authors)
    package = ElementTree.fromstring(text(root, 'package.xml'))
    for key, is_right, accepted in (
            ('cff-version', content['cff-version'] == '1.2.0', '1.2.0'),
            ('authors', named, 'a list; each with name, family-names or given-names'),
            ('version', str(content.get('version')) == versions(root), versions(root)),
            ('date-released', str(content.get('date-released')) == str(released(root)),
             f'{released(root)}, as in {CHANGELOG_FILENAME}'),
            ('license', content.get('license') == package.findtext('license'),
             package.findtext('license'))):
        if not is_right:
            raise Failed(f'CITATION.cff: {key} is {content.get(key)!r}, accepted: {accepted}')
    return 'CITATION.cff 1.2.0'


def addresses(root: Path) -> str:
    """Check that the publisher has filled in the addresses, which nobody else knows."""
    package = ElementTree.fromstring(text(root, 'package.xml'))
    urls = {one.get('type', 'website'): (one.text or '').strip() for one in package.iter('url')}
    missing = [f'<url type="{kind}"> in package.xml' for kind in ('repository', 'bugtracker')
               if not urls.get(kind)]
    # RFC 2606: nobody can have such an address.
    missing += [f'an address instead of {one.get("email")} in package.xml'
                for one in package.iter('maintainer') if one.get('email', '').endswith('.example')]
    if 'repository-code:' not in text(root, 'CITATION.cff'):
        missing.append('repository-code in CITATION.cff')
    if '<this repository>' in text(root, 'README.md'):
        missing.append('the address instead of <this repository> in README.md')
    if missing:
        raise Failed('open, the publisher fills in: ' + '; '.join(missing))
    return urls['repository']


def generated(root: Path) -> str:
    """Check that the generated documents and pictures are those of the code."""
    lines = output(sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', *GENERATED,
                   root=root, environment=os.environ).splitlines()
    return f'{lines[-1]}: parameters, methods, events, states, figures, pictures'


def age(name: str, root: Path) -> str:
    """Return revision and age of the last measurement, and how often the code changed since."""
    command, line = MEASURED[name]
    last = git(root, 'log', '-1', '--format=%h %ct', '-G', line, '--', name)
    if not last:
        raise Failed(f'no commit has a measurement; `{command}` makes one')
    revision, seconds = last.split()
    later = git(root, 'rev-list', '--count', f'{revision}..HEAD', '--', NAME)
    days = max(0.0, time.time() - float(seconds)) / 86400.0
    return (f'measured up to {revision}, {days:.1f} days ago; {later} commits changed the code '
            f'since; `{command}` measures again')


def site(root: Path) -> str:
    """Build the documents as a site, with warnings as errors."""
    with tempfile.TemporaryDirectory(prefix='release_site_') as folder:
        output(sys.executable, '-m', 'sphinx', '-W', '--keep-going', '-q', '-b', 'html', 'docs',
               folder, root=root)
        return f'{len(list(Path(folder).rglob("*.html")))} pages'


def archive_path(root: Path) -> Path:
    """Return where the source archive is written."""
    return root / 'build' / f'{NAME}-{versions(root)}.tar.gz'


def packed(root: Path) -> bytes:
    """Return the source archive of HEAD: the same bytes for the same commit."""
    plain = subprocess.run(
        ['git', '-c', f'safe.directory={root}', 'archive', '--format=tar',
         f'--prefix={archive_path(root).name.removesuffix(".tar.gz")}/', 'HEAD'],
        cwd=root, capture_output=True)
    if plain.returncode:
        raise Failed(f'git archive: {plain.stderr.decode().strip()}')
    # Without the time of packing, and without a name.
    return gzip.compress(plain.stdout, mtime=0)


def archive(root: Path) -> str:
    """Write the source archive."""
    path, content = archive_path(root), packed(root)
    if packed(root) != content:
        raise Failed('the same commit gives another archive the second time')
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return (f'{path.relative_to(root)}, {len(content) / 1e6:.1f} MB, '
            f'sha256 {hashlib.sha256(content).hexdigest()}')


def from_archive(root: Path) -> str:
    """Build and test the archive with colcon, in a workspace without git."""
    environment = {name: value for name, value in os.environ.items()
                   if name != '_ROS_WHEELS_BOOTSTRAP_COMPLETE'}
    # The checkout that `make` adds would hide the installation.
    environment['PYTHONPATH'] = os.pathsep.join(
        path for path in os.environ.get('PYTHONPATH', '').split(os.pathsep)
        if path and Path(path).resolve() != root)
    environment |= {'VENV': sys.prefix, 'LINT_REQUIRED': '1'}
    with tempfile.TemporaryDirectory(prefix='release_') as folder:
        source = Path(folder) / 'src'
        source.mkdir()
        output('tar', '-xzf', str(archive_path(root)), root=source)
        tool = str(source / archive_path(root).name.removesuffix('.tar.gz') / 'tools/colcon.sh')
        for step in ('build', 'test', 'result'):
            lines = output(tool, step, folder, root=source, environment=environment).splitlines()
        return next(line for line in lines if line.startswith('Summary:'))


CHECKS = (
    Check('tree', tree),
    Check('versions', versions),
    Check('changelog', changelog),
    Check('citation', citation),
    Check('addresses', addresses),
    *(Check(name, partial(age, name)) for name in MEASURED),
    Check('generated', generated, slow=True),
    Check('site', site, slow=True),
    Check('archive', archive),
    Check('colcon', from_archive, slow=True),
)


def main() -> int:
    """Run the checks; returns the exit status."""
    parser = argparse.ArgumentParser(description='The checklist of a release.')
    parser.add_argument('--fast', action='store_true', help='only: ' + ', '.join(
        check.name for check in CHECKS if not check.slow))
    fast = parser.parse_args().fast
    failed = []
    for check in CHECKS:
        if fast and check.slow:
            continue
        try:
            print(f'ok      {check.name}: {check.run(ROOT)}', flush=True)
        except Failed as problem:
            failed.append(check.name)
            print(f'FAILED  {check.name}: {problem}', flush=True)
    if failed:
        print(f'not ready: {", ".join(failed)}')
        return 1
    if not fast:
        print(f'ready: git tag {versions(ROOT)}, then publish {archive_path(ROOT).name}')
    return 0


if __name__ == '__main__':
    sys.exit(main())
