# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Extracts the kinematics of one component from a robot's URDF in a form that Viam's clients read.

Viam's clients accept a chain: every moving joint belongs to the component or mimics one of its
joints, there is one last link, every origin has both attributes, and collision shapes are boxes,
spheres, or a cylinder with a sphere at each end (a capsule). A robot_description also has wheels,
cameras, meshes and other arms; with any of these, the clients fail, or count joints wrongly.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
import math
import re
from xml.etree import ElementTree
from xml.parsers import expat

_MOVING = ('revolute', 'continuous', 'prismatic')
_WORLD = 'world'  # Viam's clients ignore a link of this name


class NoChain(ValueError):
    """The URDF has no such chain; the text states what is missing."""


@dataclass(frozen=True)
class Counting:
    """
    How the joint positions of clients differ from those of the URDF.

    scale: the factor from a joint to the client's position, 1 or -1. lengths (m): the range of
    each axis from the client's 0, where its joint is at offset (m, after the scale); without
    lengths, the limits of the URDF apply.
    """

    scale: float = 1.0
    lengths: tuple[float, ...] = ()
    offsets: tuple[float, ...] = ()


AS_IT_IS = Counting()


@lru_cache(maxsize=8)
def chain(description: str, joints: tuple[str, ...], counting: Counting = AS_IT_IS,
          mounted: bool = False) -> str:
    """
    Return the URDF of the chain to the last of these joints (base to tip).

    It begins at the root of the robot; mounted: at the parent link of the first joint. Joints on
    the path that mimic one of these are kept; others become fixed. Raises NoChain.
    """
    if abs(counting.scale) != 1.0:
        raise NoChain(
            f'clients see {counting.scale:g} times the positions of its joints (joint_scale), '
            'which a URDF cannot express')
    robot = _parsed(description)
    named = {joint.get('name', ''): joint for joint in robot.findall('joint')}
    missing = [name for name in joints if name not in named]
    if missing:
        raise NoChain(
            f'the robot description has no joint named {missing[0]!a}; it has: '
            + (', '.join(sorted(named)) or 'none'))
    way = _way_to(named, joints[-1])
    if mounted and joints[0] in way:
        way = way[way.index(joints[0]):]
    found = tuple(name for name in way if name in joints)
    if found != joints:
        raise NoChain(
            'the robot description does not have the joints in a chain in this order '
            f'from base to tip: {", ".join(joints)}; on the path to {joints[-1]} it has: '
            + ', '.join(found))
    kept = ElementTree.Element('robot', {'name': robot.get('name') or 'robot'})
    links = {link.get('name', ''): link for link in robot.findall('link')}
    called = _link_names(
        dict.fromkeys(end for joint in way for end in _ends(named[joint])), way)
    for name, own in called.items():
        kept.append(_link(own, links.get(name)))
    for name in way:
        source = _source(named[name], joints)
        kept.append(_joint(named[name], name in joints or source is not None, called))
        if name in joints:
            _recount(kept[-1], joints.index(name), counting)
        elif source is not None:
            kept[-1].append(_mimic(
                kept[-1], named[name], named[joints[source]], counting.scale,
                counting.offsets[source] if counting.lengths else 0.0))
    return ElementTree.tostring(kept, encoding='unicode')


def _parsed(description: str) -> ElementTree.Element:
    """
    Return the root of a robot description. Raises NoChain.

    Plugin blocks of old Gazebo versions use unbound XML prefixes; these are bound here.
    """
    if '<!DOCTYPE' in description or '<!ENTITY' in description:
        raise NoChain('the robot description has a document type or entities; expected plain XML')
    try:
        return ElementTree.fromstring(description)
    except ElementTree.ParseError as problem:
        unbound = expat.errors.codes[expat.errors.XML_ERROR_UNBOUND_PREFIX]
        if problem.code != unbound:
            raise NoChain(f'the robot description is not XML: {problem}') from problem
    prefixes = set(re.findall(r'[<\s/]([A-Za-z_][\w.-]*):[A-Za-z_]', description)) - {
        'xml', 'xmlns', *re.findall(r'xmlns:([\w.-]+)\s*=', description)}
    bound = ''.join(f' xmlns:{prefix}="unbound:{prefix}"' for prefix in sorted(prefixes))
    try:
        return ElementTree.fromstring(re.sub(r'<robot\b', f'<robot{bound}', description, count=1))
    except ElementTree.ParseError as problem:
        raise NoChain(f'the robot description is not XML: {problem}') from problem


def _way_to(named: dict[str, ElementTree.Element], last: str) -> list[str]:
    """Return the names of all joints from the root to this one."""
    above = {_ends(joint)[1]: name for name, joint in named.items()}
    way = [last]
    while (parent := above.get(_ends(named[way[0]])[0])) is not None:
        if parent in way:
            raise NoChain(f'the robot description has a loop at joint {parent!a}')
        way.insert(0, parent)
    return way


def _ends(joint: ElementTree.Element) -> tuple[str, str]:
    """Return the links before and after a joint."""
    return _part(joint, 'parent').get('link', ''), _part(joint, 'child').get('link', '')


def _part(joint: ElementTree.Element, name: str) -> ElementTree.Element:
    """Return an element of a joint. Raises NoChain."""
    found = joint.find(name)
    if found is None:
        raise NoChain(
            f'the robot description has a joint {joint.get("name", "")!a} without {name}')
    return found


def _link_names(links: Iterable[str], joints: Sequence[str]) -> dict[str, str]:
    """
    Return the name of each of these links in the result.

    Viam's clients have one namespace for links and joints: if a link has the name of a joint, they
    silently lose the position of the next joint.
    """
    called = {link: link for link in links}
    taken = {*joints, *called, _WORLD}
    for link in called:
        if link in joints or link == _WORLD:
            while called[link] in taken:
                called[link] += '_link'
            taken.add(called[link])
    return called


def _link(name: str, link: ElementTree.Element | None) -> ElementTree.Element:
    kept = ElementTree.Element('link', {'name': name})
    shapes = [] if link is None else [
        one for one in link.findall('collision') if _shape(one) is not None]
    if not _is_capsule(shapes):
        shapes = [one for one in shapes if _shape(one) != 'cylinder']
    for collision in shapes:
        own = ElementTree.SubElement(kept, 'collision')
        if collision.find('origin') is not None:
            own.append(_origin(collision))
        own.extend(collision.findall('geometry'))
    return kept


def _shape(collision: ElementTree.Element) -> str | None:
    """Return the shape of a collision element; None for one that Viam's clients refuse."""
    for shape, sizes in (('box', ('size',)), ('sphere', ('radius',)),
                         ('cylinder', ('radius', 'length'))):
        found = collision.find(f'geometry/{shape}')
        if found is not None:
            numbers = [_numbers(found, size) for size in sizes]
            return shape if all(each and min(each) > 0.0 for each in numbers) else None
    return None


def _is_capsule(collisions: Sequence[ElementTree.Element]) -> bool:
    """Return whether these are a cylinder and a sphere at each of its ends, as clients read it."""
    shapes = {shape: [one for one in collisions if _shape(one) == shape]
              for shape in ('cylinder', 'sphere')}
    if (len(collisions), len(shapes['cylinder']), len(shapes['sphere'])) != (3, 1, 2):
        return False
    [cylinder] = shapes['cylinder']

    def size(collision: ElementTree.Element, name: str) -> float:
        found = collision.find(f'geometry/{_shape(collision)}')
        return 0.0 if found is None else _numbers(found, name)[0]

    if any(abs(size(one, 'radius') - size(cylinder, 'radius')) > 1e-9 for one in collisions):
        return False
    middle = _numbers(_origin(cylinder), 'xyz')
    ends = sorted(
        [at - zero for at, zero in zip(_numbers(_origin(one), 'xyz'), middle, strict=True)]
        for one in shapes['sphere'])
    half = size(cylinder, 'length') / 2.0
    return math.dist(ends[0], (0.0, 0.0, -half)) < 1e-6 > math.dist(ends[1], (0.0, 0.0, half))


def _origin(element: ElementTree.Element) -> ElementTree.Element:
    """Return the origin of a joint or a collision, with the defaults of the specification."""
    origin = element.find('origin')
    given = {} if origin is None else origin.attrib
    return ElementTree.Element('origin', {
        'xyz': given.get('xyz') or '0 0 0', 'rpy': given.get('rpy') or '0 0 0'})


def _source(joint: ElementTree.Element, joints: Sequence[str]) -> int | None:
    """Return the index of the joint that this one mimics; None if it mimics none of them."""
    mimic = joint.find('mimic')
    name = '' if mimic is None else mimic.get('joint', '')
    return joints.index(name) if name in joints else None


def _mimic(kept: ElementTree.Element, joint: ElementTree.Element, source: ElementTree.Element,
           scale: float, offset: float) -> ElementTree.Element:
    """
    Return the mimic element of a joint whose source has the client's scale, and 0 at offset (m).

    For a prismatic joint, its displacement at the source's 0 becomes part of its origin, because
    Viam's clients read the offset in mm. Raises NoChain.
    """
    given = _part(joint, 'mimic')
    if ('prismatic' == joint.get('type')) is not ('prismatic' == source.get('type')):
        raise NoChain(
            f'joint {joint.get("name", "")!a} ({joint.get("type")}) mimics '
            f'{source.get("name", "")!a} ({source.get("type")}); Viam reads joints of one kind')
    factor, zero = _numbers(given, 'multiplier') or [1.0], _numbers(given, 'offset') or [0.0]
    multiplier = factor[0] / scale
    displaced = zero[0] + multiplier * offset
    if joint.get('type') == 'prismatic':
        _advance(kept, displaced)
        displaced = 0.0
    return ElementTree.Element('mimic', {
        'joint': source.get('name', ''), 'multiplier': f'{multiplier:.9g}',
        'offset': f'{displaced:.9g}'})


def _advance(joint: ElementTree.Element, distance: float) -> None:
    """Move the origin of a joint along its axis (m)."""
    origin, axis = _part(joint, 'origin'), _part(joint, 'axis')
    direction = _numbers(axis, 'xyz')
    length = math.hypot(*direction) or 1.0
    ahead = _turned(_numbers(origin, 'rpy'), [distance * part / length for part in direction])
    origin.set('xyz', _spaced([
        at + part for at, part in zip(_numbers(origin, 'xyz'), ahead, strict=True)]))


def _joint(joint: ElementTree.Element, moves: bool,
           called: dict[str, str]) -> ElementTree.Element:
    kind = joint.get('type', '')
    if moves and kind not in _MOVING:
        raise NoChain(
            f'in the robot description, joint {joint.get("name", "")!a} is {kind!a}; '
            f'expected one of {", ".join(_MOVING)}')
    kept = ElementTree.Element(
        'joint', {'name': joint.get('name', ''), 'type': kind if moves else 'fixed'})
    kept.append(_origin(joint))
    for part, link in zip(('parent', 'child'), _ends(joint), strict=True):
        ElementTree.SubElement(kept, part, {'link': called[link]})
    if moves:
        axis = joint.find('axis')
        ElementTree.SubElement(
            kept, 'axis', {'xyz': '1 0 0' if axis is None else axis.get('xyz') or '1 0 0'})
    if moves and kind != 'continuous':
        limit = joint.find('limit')
        # By the URDF specification, the default of lower and upper is 0.
        ElementTree.SubElement(kept, 'limit', {
            'lower': '0', 'upper': '0', **({} if limit is None else limit.attrib)})
    return kept


def _recount(joint: ElementTree.Element, index: int, counting: Counting) -> None:
    """Change a joint to the positions of clients."""
    axis, limit = _part(joint, 'axis'), joint.find('limit')
    if counting.scale < 0.0:
        axis.set('xyz', _spaced([-part for part in _numbers(axis, 'xyz')]))
        if limit is not None:
            low, high = (-_numbers(limit, each)[0] for each in ('upper', 'lower'))
            limit.attrib.update(lower=f'{low:g}', upper=f'{high:g}')
    if not counting.lengths:
        return
    if joint.get('type') != 'prismatic' or limit is None:
        raise NoChain(
            f'in the robot description, joint {joint.get("name", "")!a} is '
            f'{joint.get("type")!a}; expected prismatic, because its axis has a length')
    limit.attrib.update(lower='0', upper=f'{counting.lengths[index]:g}')
    _advance(joint, counting.offsets[index])


def _numbers(element: ElementTree.Element, name: str) -> list[float]:
    """Return the numbers of an attribute, three of xyz and rpy. Raises NoChain."""
    text = element.get(name, '')
    try:
        numbers = [float(part) for part in text.split()]
    except ValueError:
        raise NoChain(
            f'the robot description has {name}={text[:64]!a}; expected numbers') from None
    if name in ('xyz', 'rpy') and len(numbers) != 3:
        raise NoChain(f'the robot description has {name}={text[:64]!a}; expected 3 numbers')
    return numbers


def _spaced(numbers: Sequence[float]) -> str:
    return ' '.join(f'{number:.9g}' for number in numbers)


def _turned(rpy: Sequence[float], vector: Sequence[float]) -> tuple[float, float, float]:
    """Return a vector rotated by roll, pitch and yaw (rad) about the fixed axes, as in URDF."""
    x, y, z = vector
    roll, pitch, yaw = rpy
    y, z = (y * math.cos(roll) - z * math.sin(roll), y * math.sin(roll) + z * math.cos(roll))
    x, z = (x * math.cos(pitch) + z * math.sin(pitch), z * math.cos(pitch) - x * math.sin(pitch))
    x, y = (x * math.cos(yaw) - y * math.sin(yaw), x * math.sin(yaw) + y * math.cos(yaw))
    return x, y, z
