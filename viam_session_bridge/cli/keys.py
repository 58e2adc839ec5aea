# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Creates, lists, revokes and rotates the API keys of a bridge, and creates its certificate.

    ros2 run viam_session_bridge keys create laptop --command base --stop-all own
    ros2 run viam_session_bridge keys revoke laptop
    ros2 run viam_session_bridge keys lab-certificate robot.local

A running bridge applies each change at once: no restart. Exit status: 0, 1 when the key file or
a name is not accepted, 2 when the arguments are not.
"""

import argparse
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
import sys

from viam_session_bridge.cli import lab_certificate
from viam_session_bridge.key_file import (
    edit,
    Key,
    KeyFileError,
    KeyTable,
    load,
    new_key,
    rotated,
    STOP_ALL,
    STOP_OWN,
)

DEFAULT_FILE = '~/.config/viam_session_bridge/keys.json'
LONGEST_NAME = 64

ALL, NONE = 'all', 'none'

SHOWN_ONCE = """\
key id  {id}
key     {secret}
The key is shown this once; the bridge keeps only its SHA-256. {may}

The bridge requires keys once its parameter auth.key_file is {file}

Python
    options = RobotClient.Options.with_api_key(
        api_key='{secret}',
        api_key_id='{id}')
    options.dial_options.insecure = True  # only without TLS
    robot = await RobotClient.at_address('{address}', options)

Go
    robot, err := client.New(ctx, "{address}", logger, client.WithDialOptions(
        rpc.WithEntityCredentials("{id}", rpc.Credentials{{
            Type: rpc.CredentialsTypeAPIKey,
            Payload: "{secret}"}}),
        rpc.WithInsecure()))  // only without TLS

TypeScript
    const robot = new RobotClient();
    await robot.dial({{ host: 'https://{address}',  // http: only without TLS
      credentials: {{ type: 'api-key', authEntity: '{id}',
        payload: '{secret}' }} }});

C++ (not tested with this bridge)
    DialOptions dial;
    dial.set_entity(std::string("{id}"));
    dial.set_credentials(Credentials("api-key",
        "{secret}"));
    dial.set_allow_insecure_downgrade(true);  // only without TLS
    auto robot = RobotClient::at_address("{address}", Options(1, dial));"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    arguments = _parser().parse_args(argv)
    try:
        status: int | None = arguments.run(arguments)
    except KeyFileError as problem:
        print(f'keys: {problem}', file=sys.stderr)
        return 1
    return status or 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='keys', description='The API keys that a bridge accepts.')
    parser.add_argument(
        '--file', type=Path, default=Path(DEFAULT_FILE),
        help='the key file, as the parameter auth.key_file names it (default: %(default)s)')
    commands = parser.add_subparsers(
        required=True, metavar='create | list | revoke | rotate | lab-certificate')

    create = commands.add_parser('create', help='add a key, and show it once')
    create.add_argument('name', type=_name, help='the name of the key, such as laptop')
    create.add_argument(
        '--command', type=_resources, default=None, metavar='NAMES',
        help='the resources that it may command: all (the default), none, or base,arm')
    create.add_argument(
        '--no-read', dest='read', action='store_false',
        help='it may not read from resources that it may not command')
    create.add_argument(
        '--stop-all', choices=(STOP_ALL, STOP_OWN), default=STOP_ALL,
        help='what its StopAll stops: everything, or only what it commanded last itself '
             '(default: %(default)s)')
    _takes_address(create)
    create.set_defaults(run=_create)

    listed = commands.add_parser('list', help='list the keys and what each may do')
    listed.set_defaults(run=_list)

    for name, run, text in (
            ('revoke', _revoke, 'remove a key: its sessions end, and what they drive stops'),
            ('rotate', _rotate, 'give a key a new secret: the old one is revoked')):
        command = commands.add_parser(name, help=text)
        command.add_argument('key', help='its name or its id')
        command.set_defaults(run=run)
    _takes_address(command)
    lab_certificate.add_parser(commands)
    return parser


def _takes_address(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--address', default='localhost:8080',
        help='where clients reach the bridge, for the lines that are shown '
             '(default: %(default)s)')


def _name(text: str) -> str:
    if not 0 < len(text) <= LONGEST_NAME or not text.isprintable() or text != text.strip():
        raise argparse.ArgumentTypeError(
            f'{text!a}: expected 1 to {LONGEST_NAME} printable characters')
    return text


def _resources(text: str) -> tuple[str, ...] | None:
    if text == ALL:
        return None
    if text == NONE:
        return ()
    names = tuple(one.strip() for one in text.split(','))
    if not all(names):
        raise argparse.ArgumentTypeError(f'{text!a}: expected {ALL}, {NONE}, or names such as '
                                         'base,arm')
    return names


# ---- the commands ------------------------------------------------------------------------------

def _create(arguments: argparse.Namespace) -> None:
    key, secret = new_key(arguments.name, _now(), command=arguments.command, read=arguments.read,
                          stop_all=arguments.stop_all)

    def change(table: KeyTable) -> KeyTable:
        if any(arguments.name in (each.name, each.id) for each in table.keys.values()):
            raise KeyFileError(
                f'{arguments.name!a}: there is a key of this name; revoke or rotate it, or choose '
                'another name')
        return table.with_key(key)

    edit(_path(arguments), change)
    _show(key, secret, arguments)


def _list(arguments: argparse.Namespace) -> None:
    keys = load(_path(arguments)).keys.values()
    if not keys:
        print('there are no keys: no client can log in')
    for key in keys:
        print(f'{key.id}  {key.name}, created {key.created}. {_may(key)}')


def _revoke(arguments: argparse.Namespace) -> None:
    revoked: list[Key] = []

    def change(table: KeyTable) -> KeyTable:
        revoked.append(_found(table, arguments.key))
        return table.without(revoked[0].id)

    edit(_path(arguments), change)
    print(f'revoked: {revoked[0].id}  {revoked[0].name}')


def _rotate(arguments: argparse.Namespace) -> None:
    made: list[tuple[Key, str]] = []

    def change(table: KeyTable) -> KeyTable:
        made.append(rotated(_found(table, arguments.key), _now()))
        return table.with_key(made[0][0])

    edit(_path(arguments), change)
    _show(*made[0], arguments)


def _found(table: KeyTable, wanted: str) -> Key:
    for key in table.keys.values():
        if wanted in (key.id, key.name):
            return key
    names = ', '.join(key.name for key in table.keys.values()) or 'none'
    # The argument may be a pasted secret: it is not shown.
    raise KeyFileError(f'no key has this name or id; there are: {names}')


def _show(key: Key, secret: str, arguments: argparse.Namespace) -> None:
    print(SHOWN_ONCE.format(
        id=key.id, secret=secret, may=_may(key), file=_path(arguments),
        address=arguments.address))


def _may(key: Key) -> str:
    command = ('everything' if key.command is None
               else ', '.join(key.command) if key.command else 'nothing')
    reads = 'reads everything' if key.read else 'reads only what it commands'
    stops = 'everything' if key.stop_all == STOP_ALL else 'only what it commanded last'
    return f'It commands {command}, {reads}, and its StopAll stops {stops}.'


def _path(arguments: argparse.Namespace) -> Path:
    path: Path = arguments.file.expanduser().absolute()
    return path


def _now() -> str:
    """Return the time for display; no decision depends on it."""
    return datetime.now(timezone.utc).isoformat(timespec='seconds')


if __name__ == '__main__':
    sys.exit(main())
