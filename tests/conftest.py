"""What holds for every test: the same results on a desk and in CI."""

import gc
import os
from types import SimpleNamespace

import pytest
from hypothesis import settings

from lifeline.engine import long_lived

pytest_plugins = ["servers.fixtures"]

# Set by CI services and terminals, and read by libraries to colour or shorten what they print.
for _name in ("CI", "GITHUB_ACTIONS", "FORCE_COLOR", "PY_COLORS", "NO_COLOR", "COLUMNS"):
    os.environ.pop(_name, None)

# Named and loaded here because Hypothesis, when it sees CI, fixes the seed by itself: a property
# would then try the same examples for ever. No deadline: timing on a shared machine proves nothing.
settings.register_profile(
    "lifeline",
    parent=settings.get_profile("default"),
    deadline=None,
    derandomize=False,
    print_blob=True,
)
settings.load_profile("lifeline")

# An engine that takes a configuration walks all objects of its process, and a store that is opened does:
# here these would be all tests that were found, which takes longer than what is tested. They are set
# aside once, and stay so; what a test leaves is collected as ever.
long_lived.gc = SimpleNamespace(  # type: ignore[assignment]
    collect=gc.collect, freeze=lambda: None, unfreeze=lambda: None
)


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()


# What a session makes only once, and dearly: whoever asks for it runs in one process.
_DEAR = frozenset({"nursery", "recording"})


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of several processes one runs all tests that share something, so that it is made once."""
    for item in items:
        group = _shared(item)
        if group and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(group))


def _shared(item: pytest.Item) -> str:
    """The name of what the test shares with others: its module's, or a dear one. "" if nothing."""
    asked = getattr(item, "fixturenames", ())
    if _DEAR & set(asked):
        return "dear"
    known = item._fixtureinfo.name2fixturedefs if isinstance(item, pytest.Function) else {}
    scopes = {defined[-1].scope for name, defined in known.items() if name in asked and defined}
    return item.nodeid.partition("::")[0] if "module" in scopes else ""
