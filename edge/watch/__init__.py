"""Is the running engine still right? Judges what it is shown and takes no action itself.

A few live frames also go through the fallback engine: that decides whether a new bundle stays
(``trial``) and whether it stays right (``accuracy``). The bundle's canary images are shown to its
engine again (``canaries``), and the line is compared with what it looked like (``drift``).
"""

from edge.watch.accuracy import AccuracyWatch, Standing, WatchVerdict
from edge.watch.canaries import Canary, CanaryVerdict, check_canaries, read_canaries
from edge.watch.drift import BASELINE, Baseline, DriftVerdict, DriftWatch, read_baseline
from edge.watch.trial import Outcome, Trial, TrialVerdict

__all__ = [
    "BASELINE",
    "AccuracyWatch",
    "Baseline",
    "Canary",
    "CanaryVerdict",
    "DriftVerdict",
    "DriftWatch",
    "Outcome",
    "Standing",
    "Trial",
    "TrialVerdict",
    "WatchVerdict",
    "check_canaries",
    "read_baseline",
    "read_canaries",
]
