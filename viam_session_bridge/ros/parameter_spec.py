# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Where drivers of other packages find `described` and `Form`; see `parameters.schema`."""

from viam_session_bridge.parameters.schema import described, Form

__all__ = ['described', 'Form']
