# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Names that no table knows, each answered with what is most likely meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
import difflib

from viam_session_bridge.ros.parameter_blocks import Block
from viam_session_bridge.ros.parameter_filling import Filling, foreign_to
from viam_session_bridge.ros.parameter_resource import ResourceConfig
from viam_session_bridge.ros.parameter_values import Mistake


def unknown_names(filling: Filling, blocks: Mapping[str, Block], top_list: str,
                  ignored: frozenset[str]) -> list[str]:
    """
    Return a mistake for each name or block that nobody knows.

    blocks: those of the top level by name, which top_list names. ignored: what the names of
    parameters of somebody else begin with.
    """
    errors: list[str] = []
    strays: dict[tuple[str, str], list[str]] = {}
    everything = {block.name: block for top in blocks.values() for block in top.family()}
    for name in sorted(filling.found):
        first, _, rest = name.partition('.')
        if name in filling.known or first in ignored:
            continue
        if rest and first not in blocks:
            strays.setdefault(('', first), []).append(name)
            continue
        block = _innermost(name, everything)
        if block is not None and block.table is ResourceConfig:
            continue  # its API is wrong, so nobody knows which parameters it has
        child, _, deeper = name[len(block.name) + 1:].partition('.') if block else ('', '', '')
        if block is not None and deeper and any(_lists(block)):
            # A list that is wrong itself names nobody: one mistake is told once.
            if all(each in block.values for each in _lists(block)):
                strays.setdefault((block.name, child), []).append(name)
        else:
            errors.append(_unknown(name, block, filling))
    for (around, stray), names in strays.items():
        errors.append(_stray(stray, names, everything.get(around), blocks, top_list))
    return errors


def _innermost(name: str, blocks: Mapping[str, Block]) -> Block | None:
    while name:
        name = name.rpartition('.')[0]
        if name in blocks:
            return blocks[name]
    return None


def _lists(block: Block) -> Iterator[str]:
    return (entry.name for entry in block.entries if entry.spec.blocks)


def _stray(stray: str, names: list[str], around: Block | None, blocks: Mapping[str, Block],
           top_list: str) -> str:
    lists = [top_list]
    known = list(blocks)
    if around is not None:
        lists = [around.full(each) for each in _lists(around)]
        known = [child.short for children in around.children.values() for child in children]
    found = f'a block {stray!r} that is not listed in {" or ".join(lists)}'
    nearest = difflib.get_close_matches(stray, known, n=1, cutoff=0.0)
    wanted = 'no such block'
    if nearest:
        wanted = f'the blocks {", ".join(known)}; the nearest is {nearest[0]!r}'
    return str(Mistake(', '.join(names), found, wanted))


def _unknown(name: str, block: Block | None, filling: Filling) -> str:
    inside: list[str] = []
    if block is not None:
        owners = _owners(name, block, filling)
        if owners:
            return owners
        # A match inside the block is meant; the same word elsewhere only looks nearer.
        inside = [each for each in filling.known if each.startswith(block.full(''))]
    nearest = difflib.get_close_matches(name, inside or filling.known, n=1, cutoff=0.0)[0]
    return str(Mistake(name, 'an unknown parameter', f'the nearest known name is {nearest!r}'))


def _owners(name: str, block: Block, filling: Filling) -> str:
    """Return the mistake of a parameter that only another driver or kind has; else nothing."""
    choice = 'driver' if issubclass(block.table, ResourceConfig) else 'kind'
    owners = foreign_to(block, filling.found).get(name.removeprefix(block.full('')))
    if not owners:
        return ''
    chosen = filling.found[block.full(choice)]
    return str(Mistake(
        name, f'a parameter that {choice} {chosen!r} does not have',
        f'this parameter with {block.full(choice)} {" or ".join(map(repr, owners))}'))
