#!/usr/bin/env python3
# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
Compiles the .proto files of the package into the descriptors that it ships.

For developers, after every change to a file below viam_session_bridge/rpc/proto/:

    python3 -m pip install grpcio-tools
    python3 tools/compile_protos.py

Every .proto file there is taken; there is no list to extend. The result is one serialized
FileDescriptorSet, checked in beside the sources, so nothing is compiled on a robot. It holds
our files only: google/protobuf/*.proto comes from whichever protobuf is installed at run time.
"""
from importlib import resources
from pathlib import Path
import sys
import tempfile

SOURCES = Path(__file__).resolve().parents[1] / 'viam_session_bridge' / 'rpc' / 'proto'
DESCRIPTORS = SOURCES / 'descriptors.binpb'


def compile_protos() -> bytes:
    """
    Return the serialized FileDescriptorSet of all our .proto files.

    Raises ImportError without grpcio-tools, RuntimeError when the compiler found mistakes
    (which it has printed to stderr).
    """
    from grpc_tools import protoc

    # Sorted, because the order given decides the order of the result.
    names = sorted(path.relative_to(SOURCES).as_posix() for path in SOURCES.rglob('*.proto'))
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / DESCRIPTORS.name
        status = protoc.main([
            'protoc',
            f'--proto_path={SOURCES}',
            f"--proto_path={resources.files('grpc_tools') / '_proto'}",
            f'--descriptor_set_out={output}',
            *names,
        ])
        if status != 0:
            raise RuntimeError(f'protoc failed with status {status}')
        return output.read_bytes()


def main() -> int:
    """Write the file; return the exit status."""
    try:
        content = compile_protos()
    except ImportError as error:
        print(f'{error}: install grpcio-tools', file=sys.stderr)
        return 1
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 1
    DESCRIPTORS.write_bytes(content)
    print(f'wrote {DESCRIPTORS} ({len(content)} bytes)')
    return 0


if __name__ == '__main__':
    sys.exit(main())
