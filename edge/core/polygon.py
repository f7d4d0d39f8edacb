"""Polygons as people draw them: how large they are, and whether they cross themselves."""

from __future__ import annotations

from collections.abc import Sequence

Point = tuple[float, float]


def area(polygon: Sequence[Point]) -> float:
    """What the polygon encloses, in squared units of its points (the shoelace formula)."""
    ends = zip(polygon, (*polygon[1:], *polygon[:1]), strict=True)
    return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in ends)) / 2


def crosses_itself(polygon: Sequence[Point]) -> bool:
    """Whether two of its sides meet anywhere but in the corner that they share.

    A side without length, and a side that runs back over its neighbour, count as well.
    """
    count = len(polygon)
    sides = [(polygon[k], polygon[(k + 1) % count]) for k in range(count)]
    for k, side in enumerate(sides):
        if side[0] == side[1] or _turns_back(*side, sides[(k + 1) % count][1]):
            return True
        last = count - 1 if k == 0 else count  # the first side and the last share a corner
        if any(_meet(side, other) for other in sides[k + 2 : last]):
            return True
    return False


def _turns_back(a: Point, b: Point, c: Point) -> bool:
    """Whether the way from b to c goes over that from a to b."""
    ahead = (b[0] - a[0]) * (c[0] - b[0]) + (b[1] - a[1]) * (c[1] - b[1])
    return _turn(a, b, c) == 0 and ahead < 0


def _meet(one: tuple[Point, Point], other: tuple[Point, Point]) -> bool:
    (a, b), (c, d) = one, other
    around_one = _turn(a, b, c), _turn(a, b, d)
    around_other = _turn(c, d, a), _turn(c, d, b)
    if around_one[0] * around_one[1] < 0 and around_other[0] * around_other[1] < 0:
        return True
    touching = ((a, b, c), (a, b, d), (c, d, a), (c, d, b))
    return any(_turn(*three) == 0 and _between(*three) for three in touching)


def _turn(a: Point, b: Point, c: Point) -> float:
    """Positive when a, b, c turn one way, negative the other way, 0 on a straight line."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _between(a: Point, b: Point, c: Point) -> bool:
    """Whether c, on the straight line through a and b, lies from a to b."""
    within_x = min(a[0], b[0]) <= c[0] <= max(a[0], b[0])
    return within_x and min(a[1], b[1]) <= c[1] <= max(a[1], b[1])
