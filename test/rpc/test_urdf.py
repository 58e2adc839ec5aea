# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The chain of an arm out of a whole robot's URDF, as Viam's Go client reads it."""

from xml.etree import ElementTree

import pytest

from viam_session_bridge.rpc.urdf import chain, Counting, NoChain

# A mobile robot with a camera, an arm on a fixed mount, and a gripper.
ROBOT = """<?xml version="1.0"?>
<robot name="robot" xmlns:xacro="http://www.ros.org/wiki/xacro">
  <material name="grey"/>
  <link name="base"/>
  <link name="wheel"/>
  <joint name="wheel_joint" type="continuous">
    <parent link="base"/><child link="wheel"/><axis xyz="0 1 0"/>
  </joint>
  <joint name="rail" type="prismatic">
    <parent link="base"/><child link="carriage"/><origin xyz="0.1 0 0.2"/>
    <limit lower="0" upper="1" effort="1" velocity="1"/>
  </joint>
  <link name="carriage"/>
  <joint name="mount" type="fixed"><parent link="carriage"/><child link="shoulder"/></joint>
  <link name="shoulder">
    <visual><geometry><mesh filename="package://robot/shoulder.dae"/></geometry></visual>
    <collision><geometry><mesh filename="package://robot/shoulder.stl"/></geometry></collision>
    <collision><geometry><box size="0.1 0.1 0.1"/></geometry></collision>
  </link>
  <joint name="lift" type="revolute">
    <origin rpy="0 1.57 0"/><parent link="shoulder"/><child link="upper"/>
    <axis xyz="0 0 1"/><limit lower="-1.5" upper="1.5" effort="10" velocity="2"/>
    <dynamics damping="1"/>
  </joint>
  <link name="upper">
    <collision><geometry><cylinder radius="0.1" length="1"/></geometry></collision>
  </link>
  <joint name="turn" type="continuous"><parent link="upper"/><child link="hand"/></joint>
  <link name="hand"/>
  <joint name="finger" type="prismatic">
    <parent link="hand"/><child link="fingertip"/><limit lower="0" upper="0.04"/>
  </joint>
  <link name="fingertip"/>
  <transmission name="t"><joint name="lift"/></transmission>
</robot>"""


def cut(*joints: str) -> ElementTree.Element:
    return ElementTree.fromstring(chain(ROBOT, joints))


def test_it_is_a_chain_from_the_root_to_the_last_joint() -> None:
    robot = cut('lift', 'turn')
    assert robot.get('name') == 'robot'
    assert [link.get('name') for link in robot.findall('link')] == [
        'base', 'carriage', 'shoulder', 'upper', 'hand']
    assert [(joint.get('name'), joint.get('type')) for joint in robot.findall('joint')] == [
        ('rail', 'fixed'), ('mount', 'fixed'), ('lift', 'revolute'), ('turn', 'continuous')]
    parents = {joint.find('parent').get('link')  # type: ignore[union-attr]
               for joint in robot.findall('joint')}
    children = {joint.find('child').get('link')  # type: ignore[union-attr]
                for joint in robot.findall('joint')}
    assert children - parents == {'hand'}, 'one last link: the tip'


def test_every_joint_says_what_clients_read_without_looking() -> None:
    joints = {joint.get('name'): joint for joint in cut('lift', 'turn').findall('joint')}
    origins = {name: joint.find('origin').attrib  # type: ignore[union-attr]
               for name, joint in joints.items()}
    assert origins['rail'] == {'xyz': '0.1 0 0.2', 'rpy': '0 0 0'}
    assert origins['mount'] == {'xyz': '0 0 0', 'rpy': '0 0 0'}
    assert origins['lift'] == {'xyz': '0 0 0', 'rpy': '0 1.57 0'}
    for name in ('lift', 'turn'):
        axis = joints[name].find('axis')
        assert axis is not None and len(axis.get('xyz', '').split()) == 3
    assert joints['turn'].find('limit') is None
    lift = joints['lift'].find('limit')
    assert lift is not None and (lift.get('lower'), lift.get('upper')) == ('-1.5', '1.5')


def test_only_shapes_that_clients_read_are_left() -> None:
    robot = cut('lift', 'turn')
    assert robot.find('.//mesh') is None and robot.find('.//cylinder') is None
    assert robot.find("link[@name='shoulder']/collision/geometry/box") is not None


def test_a_rail_may_be_part_of_the_arm() -> None:
    kinds = [joint.get('type') for joint in cut('rail', 'lift', 'turn').findall('joint')]
    assert kinds == ['prismatic', 'fixed', 'revolute', 'continuous']


@pytest.mark.parametrize(('link', 'name'), [
    ('upper', 'lift'), ('upper', 'turn'), ('shoulder', 'mount'), ('base', 'world')])
def test_no_link_is_called_like_a_joint_or_the_world(link: str, name: str) -> None:
    """Viam's clients keep both under one name, and drop a link called world."""
    robot = ElementTree.fromstring(chain(
        ROBOT.replace(f'link="{link}"', f'link="{name}"')
        .replace(f'<link name="{link}"', f'<link name="{name}"'), ('rail', 'lift', 'turn')))
    links = [each.get('name') for each in robot.findall('link')]
    joints = robot.findall('joint')
    assert f'{name}_link' in links and 'world' not in links and len(set(links)) == 5
    assert not {*links} & {joint.get('name') for joint in joints}
    ends = [[end.get('link') for part in ('parent', 'child') for end in joint.findall(part)]
            for joint in joints]
    assert ends == [list(pair) for pair in zip(links, links[1:], strict=False)]


def test_a_gripper_begins_where_it_is_mounted() -> None:
    robot = ElementTree.fromstring(chain(ROBOT, ('finger',), mounted=True))
    assert [link.get('name') for link in robot.findall('link')] == ['hand', 'fingertip']
    assert [joint.get('name') for joint in robot.findall('joint')] == ['finger']


def numbers(joint: ElementTree.Element, path: str, name: str) -> list[float]:
    element = joint.find(path)
    assert element is not None
    return [float(part) for part in element.get(name, '').split()]


@pytest.mark.parametrize(('rpy', 'axis', 'ahead'), [
    ('0 0 0', '1 0 0', (-0.4, 0.0, 0.0)), ('0 0 0', '0 0 2', (0.0, 0.0, -0.4)),
    # Roll first, then pitch, then yaw, about the axes of the parent.
    ('0 0 1.5707963', '1 0 0', (0.0, -0.4, 0.0)), ('0 1.5707963 0', '1 0 0', (0.0, 0.0, 0.4)),
    ('1.5707963 0 1.5707963', '0 1 0', (0.0, 0.0, -0.4)),
    ('1.5707963 0 1.5707963', '0 0 1', (-0.4, 0.0, 0.0))])
@pytest.mark.parametrize('scale', [1.0, -1.0])
def test_an_axis_counts_from_the_zero_of_clients(
        rpy: str, axis: str, ahead: tuple[float, ...], scale: float) -> None:
    """At 0 its joint is at the offset, and it goes as far as its length."""
    description = ROBOT.replace(
        '<origin xyz="0.1 0 0.2"/>', f'<origin xyz="0.1 0 0.2" rpy="{rpy}"/><axis xyz="{axis}"/>')
    robot = ElementTree.fromstring(
        chain(description, ('rail',), Counting(scale, (0.8,), (-0.4,))))
    joint = robot.find("joint[@name='rail']")
    assert joint is not None
    assert numbers(joint, 'limit', 'lower') == [0.0] and numbers(joint, 'limit', 'upper') == [0.8]
    direction = [scale * float(part) for part in axis.split()]
    assert numbers(joint, 'axis', 'xyz') == direction
    assert numbers(joint, 'origin', 'xyz') == pytest.approx([
        at + scale * part for at, part in zip((0.1, 0.0, 0.2), ahead, strict=True)], abs=1e-6)


def test_a_joint_that_clients_see_the_other_way_round() -> None:
    robot = ElementTree.fromstring(
        chain(ROBOT.replace('lower="-1.5"', 'lower="-1.2"'), ('lift',), Counting(-1.0)))
    joint = robot.find("joint[@name='lift']")
    assert joint is not None
    assert numbers(joint, 'axis', 'xyz') == [0.0, 0.0, -1.0]
    assert numbers(joint, 'limit', 'lower') == [-1.5] and numbers(joint, 'limit', 'upper') == [1.2]


@pytest.mark.parametrize(('joint', 'counting', 'text'), [
    ('rail', Counting(2.0), 'clients see 2 times what its joints are'),
    ('lift', Counting(1.0, (1.0,), (0.0,)), "'lift' is 'revolute'; an axis with a length"),
    ('rail', Counting(1.0, (1.0,), (0.0,)), "says xyz='a b c', which is no number")])
def test_what_cannot_be_counted_so_is_said(joint: str, counting: Counting, text: str) -> None:
    with pytest.raises(NoChain, match=text):
        chain(ROBOT.replace('0.1 0 0.2', 'a b c'), (joint,), counting)


@pytest.mark.parametrize(('joints', 'text'), [
    (('lift', 'elbow'), "no joint named 'elbow'; it has: finger, lift, mount, rail, turn, wheel"),
    (('turn', 'lift'), 'in this order from base to tip: turn, lift; on the way to lift'),
    (('wheel_joint', 'lift'), 'on the way to lift it has: lift'),
    (('mount', 'lift'), "joint 'mount' is 'fixed'; expected one of revolute")])
def test_what_is_no_such_arm_is_said(joints: tuple[str, ...], text: str) -> None:
    with pytest.raises(NoChain, match=text):
        cut(*joints)


@pytest.mark.parametrize(('description', 'text'), [
    ('not xml', 'is not XML'),
    ('<robot><joint name="a" type="revolute"/></robot>', "joint 'a' without parent or child"),
    ('<robot><joint name="a" type="revolute"><parent link="x"/><child link="y"/></joint>'
     '<joint name="b" type="fixed"><parent link="y"/><child link="x"/></joint></robot>',
     'a loop at joint')])
def test_what_is_no_robot_is_said(description: str, text: str) -> None:
    with pytest.raises(NoChain, match=text):
        chain(description, ('a',))
