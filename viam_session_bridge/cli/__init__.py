# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""Programs for people, around the bridge; no part of the bridge itself imports them."""
