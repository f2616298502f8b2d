"""wave: a leak that opens sends a drop of pressure to both ends of a section; where it is, is told."""

from lifeline.engine.kinds import GROUPED, OF_ROWS, Kind

KIND = Kind(
    "wave",
    authored="lifeline.rules.wave_spec",
    kernels="lifeline.rules.wave_kernels",
    style=GROUPED,
    stage=OF_ROWS,
    width=1040,  # wave_pair_kernels.WIDTH: 8 KiB, whatever the sampling
    options=(
        "bin",
        "length",
        "speed",
        "flow",
        "speed_error",
        "clock_error",
        "margin",
        "gate",
        "noise",
        "least",
        "hold",
        "ratio",
        "up_spacing",
        "down_spacing",
        "start",
        "ascending",
    ),
    geometry=("bin",),
    # Where a group's state says what it saw (wave_pair_kernels).
    says=(
        ("drop", 1),
        ("position_m", 3),
        ("plus_minus_m", 4),
        ("drop_upstream", 5),
        ("drop_downstream", 6),
        ("apart_s", 7),
        ("through_m_s", 8),
        ("noise_upstream", 9),
        ("noise_downstream", 10),
    ),
    reason_at=0,
    reasons=(
        "the ends are not watched for long enough: no good values, a gap, or too few",
        "",
        "the last drop came from upstream of the section",
        "the last drop came from downstream of the section",
        "the last drop was seen at one end only",
        "the last drop came while another one was on its way",
        "the last drop was too unlike at the two ends",
        "the last drop was an echo of a stronger one",
    ),
    tells="lifeline.rules.wave_detail",
)
