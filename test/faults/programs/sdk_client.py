# Copyright 2026 viam_session_bridge contributors
# SPDX-License-Identifier: Apache-2.0
"""The Viam SDK program of the system tests, with the habits that only a fault needs."""

import asyncio
from itertools import count
from pathlib import Path
import sys
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'system' / 'programs'))
from viam.components.base import Vector3  # noqa: E402

import client  # noqa: E402

WIDTH = 8  # commands under way at the same time


class FaultyClient(client.Client):
    """Methods are the orders; see the parent."""

    async def set_power(self, base: str, linear: float = 0.0, angular: float = 0.0) -> str:
        """Drive forward and turn, as shares of full speed; returns the id of the session."""
        await super().set_power(base, linear, angular)
        return await self.session()

    async def flood(self, base: str, speed: float) -> None:
        """Command ever other speeds (mm/s) up to this one, as fast as they are answered."""
        resource = self._base(base)

        async def pour(start: int) -> None:
            for number in count(start):
                share = 0.5 + 0.5 * (number % 7) / 6.0
                await resource.set_velocity(Vector3(y=speed * share), Vector3())

        await asyncio.gather(*(pour(start) for start in range(WIDTH)))


if __name__ == '__main__':
    module: Any = client
    module.Client = FaultyClient
    asyncio.run(client.main())
