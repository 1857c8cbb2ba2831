"""The storefronts' migrations of a release that comes after this one: all of ours, and some more."""

from pathlib import Path

import shop.migrations

__path__ = [*shop.migrations.__path__, str(Path(__file__).parent)]
