"""balance: what flows into a group, less what flows out, less what it stores, in a sliding window."""

from lifeline.engine.kinds import Kind

KIND = Kind(
    "balance",
    authored="lifeline.rules.balance_spec",
    kernels="lifeline.rules.balance_kernels",
    stage=1,
    width=501,  # balance_kernels.WIDTH
    options=("window", "max_gap", "min_span", "of", "coverage", "min_flow", "volume"),
    geometry=("window",),
    says=(("imbalance", 6), ("uncertainty", 7), ("throughput", 8)),
    reason_at=5,
    reasons=(
        "",
        "a member is bad, silent or not heard yet",
        "every member is known for too short a time",
        "too little flows",
    ),
)
