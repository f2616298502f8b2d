"""Back-test: rules put to recordings or scenarios whose truth is known, and what their alarms are worth."""

from .attribution import Verdicts, verdicts
from .bounds import Bounded
from .label import Label, read_labels
from .report import Detection, Report, report
from .trial import Judged, Trial, judge

__all__ = [
    "Bounded",
    "Detection",
    "Judged",
    "Label",
    "Report",
    "Trial",
    "Verdicts",
    "judge",
    "read_labels",
    "report",
    "verdicts",
]
