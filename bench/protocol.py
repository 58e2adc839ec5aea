# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""
The protocol of a measuring process: one JSON object per line in, one per line out.

This module is the side of that process; the other side is in children.py.
"""

from collections.abc import Callable, Mapping
import json
import os
import sys
import traceback
from typing import Any

Handlers = Mapping[str, Callable[..., Any]]


def serve(handlers: Handlers) -> None:
    """
    Answer requests on standard input until it ends; then the process ends.

    A request names a handler in 'do'; the rest are its keyword arguments. The reply is what the
    handler returns, or the traceback of what it raised.
    """
    # Nothing else may write between these lines.
    replies = os.fdopen(os.dup(sys.stdout.fileno()), 'w', buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply = {'result': handlers[request.pop('do')](**request)}
        except Exception:  # noqa: B902  the other side raises it
            reply = {'error': traceback.format_exc()}
        print(json.dumps(reply), file=replies)
