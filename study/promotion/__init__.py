"""From a study's winner to a registered model that may be champion, with the evidence."""

from study.promotion.clean_process import Reload, reload
from study.promotion.gate import Check, Gate
from study.promotion.promote import CHALLENGER, CHAMPION, register_winner, restore_winner

__all__ = [
    "CHALLENGER",
    "CHAMPION",
    "Check",
    "Gate",
    "Reload",
    "register_winner",
    "reload",
    "restore_winner",
]
