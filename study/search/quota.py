"""How many of the trials are classifiers: the baseline is tuned with a budget of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def next_classifier(
    tried: Mapping[str, int], classifiers: Sequence[str], share: float
) -> str | None:
    """Return the classifier that the next trial should train, or None for a free choice.

    Args:
        tried: How many trials with each loss were started so far, however they ended.
        classifiers: Names of the classifiers of the space. Empty if it holds none, or
            nothing else: then there is nothing to share out.
        share: While fewer than this share of the trials, the next one included, are
            classifiers, the next one is; in [0, 1].

    Returns:
        The least-tried classifier; of several, the one named first.
    """
    if not classifiers:
        return None
    of_them = sum(tried.get(name, 0) for name in classifiers)
    # A quotient and not share * trials: 0.07 * 100 is above 7 in floats, 7 / 100 is 0.07.
    if of_them / (sum(tried.values()) + 1) >= share:
        return None
    return min(classifiers, key=lambda name: tried.get(name, 0))
