"""The public name of `zoo.data.feeding.shards`: a cache of flat arrays."""

from zoo.data.feeding.shards import ShardCache

__all__ = ["ShardCache"]
