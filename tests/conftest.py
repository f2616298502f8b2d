"""What holds for every test: the same results on a desk and in CI."""

import os

from hypothesis import settings

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
