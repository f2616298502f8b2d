"""The core: entries in, records out."""

from .core import ENGINE_SITE, Core, Standing
from .records import Records

__all__ = ["ENGINE_SITE", "Core", "Records", "Standing"]
