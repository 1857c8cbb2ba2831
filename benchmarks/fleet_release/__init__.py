"""The storefronts' migrations of a next release: all of this one's, and one column with an index."""

from pathlib import Path

import shop.migrations

__path__ = [*shop.migrations.__path__, str(Path(__file__).parent)]
