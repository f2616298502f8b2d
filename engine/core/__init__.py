"""The core: entries in, records out."""

from .core import ENGINE_SITE, Core
from .records import Records, Standing

__all__ = ["ENGINE_SITE", "Core", "Records", "Standing"]
