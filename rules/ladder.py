"""ladder: within a site, promotion by counts: 4 blue make a yellow, 3 yellow an orange, 2 orange a red."""

from lifeline.engine.kinds import GROUPED, Kind

KIND = Kind(
    "ladder",
    authored="lifeline.rules.ladder_spec",
    kernels="lifeline.rules.ladder_kernels",
    style=GROUPED,
    stage=4,
    # `by_asset`: an item is an asset, not a quantity; `items`: these are counted, not points;
    # `first_hand`: alarms of sensors alone that speak of danger. The rest: how many make the next level.
    options=("by_asset", "items", "first_hand", "blue", "yellow", "orange"),
)
