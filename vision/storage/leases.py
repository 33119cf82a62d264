"""Camera leases: at most one worker looks at a camera, and a late one is found out by its fencing token.

After Kleppmann, "How to do distributed locking" (2016): a lease alone cannot stop a worker that was asleep while its
lease ran out, so each new holder gets a higher token, findings carry it, and the hub refuses lower ones. Tokens are at
least the server's time in milliseconds, so that a Redis that lost everything does not begin again below them.
"""

from collections.abc import Sequence
from typing import Any

import redis

from vision.core.errors import StorageError
from vision.core.registry import redact_url

_PREFIX = "{streetward}:lease:"  # the braces keep all leases in one slot of a Redis Cluster, as the script needs
_TOKENS = "{streetward}:lease-tokens"
_HOLD = """
local time = redis.call('TIME')
local floor = time[1] * 1000 + math.floor(time[2] / 1000)
local held = {}
for i, key in ipairs(KEYS) do
  local value = redis.call('GET', key)
  if not value then
    local token = redis.call('INCR', ARGV[3])
    if token < floor then
      token = floor
      redis.call('SET', ARGV[3], token)
    end
    redis.call('SET', key, ARGV[1] .. '\\n' .. token, 'PX', ARGV[2])
    held[i] = token
  else
    local owner, token = string.match(value, '^(.*)\\n(%d+)$')
    if owner == ARGV[1] then
      redis.call('PEXPIRE', key, ARGV[2])
      held[i] = tonumber(token)
    else
      held[i] = 0
    end
  end
end
return held
"""
_RELEASE = """
for _, key in ipairs(KEYS) do
  local value = redis.call('GET', key)
  if value and string.match(value, '^(.*)\\n%d+$') == ARGV[1] then redis.call('DEL', key) end
end
"""
_CHUNK = 500


class CameraLeases:
    """One worker's leases."""

    def __init__(self, url: str, worker: str, *, ttl_s: float = 8.0) -> None:
        """`worker`: unique among all that run at once; a restart under the same name keeps its leases."""
        self._url, self._worker, self._ttl_ms = url, worker, int(ttl_s * 1000)
        self._client = redis.Redis.from_url(url, socket_timeout=4, socket_connect_timeout=4)
        self._hold = self._client.register_script(_HOLD)
        self._release = self._client.register_script(_RELEASE)

    def hold(self, camera_ids: Sequence[str]) -> dict[str, int]:
        """Take or renew leases; the token of each camera that is ours, those of others left out.

        Raises:
            StorageError: Redis is away: what was ours is still ours until somebody else took it.
        """
        held: dict[str, int] = {}
        try:
            for at in range(0, len(camera_ids), _CHUNK):
                chunk = camera_ids[at : at + _CHUNK]
                tokens: Any = self._hold(
                    keys=[_PREFIX + camera_id for camera_id in chunk], args=[self._worker, self._ttl_ms, _TOKENS]
                )
                held.update({camera_id: int(token) for camera_id, token in zip(chunk, tokens, strict=True) if token})
        except redis.RedisError as error:
            raise StorageError(f"leases on {redact_url(self._url)}: {error}") from error
        return held

    def release(self, camera_ids: Sequence[str]) -> None:
        """Give leases back at once, so that another worker need not wait for them to run out."""
        try:
            for at in range(0, len(camera_ids), _CHUNK):
                chunk = camera_ids[at : at + _CHUNK]
                self._release(keys=[_PREFIX + camera_id for camera_id in chunk], args=[self._worker])
        except redis.RedisError as error:
            raise StorageError(f"leases on {redact_url(self._url)}: {error}") from error

    def close(self) -> None:
        self._client.close()
