"""The garbage collector, set for processes that make tens of thousands of objects a second and drop nearly all of them.

Reference counting frees those at once. The collector, as it is set by default, looks through them again and again for
cycles, and now and then through everything that was ever imported: a pause of 0.1 s, and a third of the time of a fold.
"""

import gc
from typing import Final

YOUNG_OBJECTS_MAX: Final = 25_000
"""Made and not yet freed before the collector looks for cycles among them, which takes a millisecond or two."""


def spare_collector() -> None:
    """Leave what this process holds by now out of every collection to come, and collect more seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS_MAX)
