"""Decides which waiting requests get a slot, and how many may wait, so that no client takes all slots."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from heapq import heapify, heappop, heappush

from .request import Request


def admissible(running: Sequence[Request], waiting: Sequence[Request], max_slots: int, max_each: int) -> list[Request]:
    """Returns the waiting requests that can get a slot now: first those of clients with the fewest replies.

    Args:
        running: the requests that have a slot.
        waiting: the requests without a slot, oldest first.
        max_slots: the slots of all clients together.
        max_each: the slots that one client may have.
    """
    admitted: list[Request] = []
    free_slots = max_slots - len(running)
    if not waiting or free_slots <= 0:
        return admitted
    of_client = Counter(request.client_id for request in running if request.client_id)
    of_group = Counter(request.group_id for request in running if request.group_id)

    def replies(request: Request) -> tuple[int, int]:
        return of_group[request.group_id], of_client[request.client_id]

    # Among equal requests the oldest is first. The number of replies in an entry may be outdated.
    order = [(replies(request), at, request) for at, request in enumerate(waiting)]
    heapify(order)
    while order and len(admitted) < free_slots:
        count, at, first = heappop(order)
        if of_client[first.client_id] >= max_each:
            continue
        if (current := replies(first)) != count:
            heappush(order, (current, at, first))
            continue
        admitted.append(first)
        of_client.update([first.client_id] if first.client_id else [])
        of_group.update([first.group_id] if first.group_id else [])
    return admitted


def reason_to_refuse(
    last: Request, waiting: Sequence[Request], admit: Callable[[], Sequence[Request]], max_waiting: int, max_each: int
) -> str:
    """Returns why a request must not wait; "" if it may, or gets a slot at once.

    Args:
        last: the request.
        waiting: all waiting requests, this one included.
        admit: returns the waiting requests that get a slot now; called only if the result depends on it.
        max_waiting: how many requests may wait, in addition to those that get a slot now.
        max_each: how many requests of one client may wait.
    """
    of_client = sum(request.client_id == last.client_id != "" for request in waiting)
    if len(waiting) <= max_waiting and of_client <= max_each:
        return ""
    admitted = admit()
    if last in admitted:
        return ""
    others = [request for request in waiting if request not in admitted and request is not last]
    of_client = sum(request.client_id == last.client_id != "" for request in others)
    if of_client >= max_each:
        return f"{of_client} requests of the client wait already"
    return f"{len(others)} requests wait already" if len(others) >= max_waiting else ""
