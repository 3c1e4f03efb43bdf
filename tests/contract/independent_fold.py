"""An auditor's own sums: reads exported lines on standard input and prints one line of JSON per book.

It shares no code with the service and needs the standard library alone, nor does it believe the postings that events
say they remove: it keeps what each entry counts for, and sums up what is left at the end of each journal.

    gagyebu journal export --all | python tests/contract/independent_fold.py

Amounts are in minor units. `totals` tells each month and category that has entries of income or expense; transfers are
told by `transferred`, and `entry_count` counts both.
"""

import json
import sys
from collections import defaultdict
from itertools import groupby

SIGNS = {"income": 1, "expense": -1, "transfer_in": 1, "transfer_out": -1}


def events_of(lines):
    """The lines that are events; a header, an end and what begins a journal are not."""
    for line in lines:
        told = json.loads(line)
        if "position" in told:
            yield told


def counted_after(event, known):
    """What an entry is after an event: its posting, and whether that counts."""
    state, topic = event["state"], event["topic"]
    posting, counts = known.get(event["stream"], (None, False))
    match topic:
        case "entry.recorded" | "entry.restored":
            return state["adds"], True
        case "entry.amended":
            return state["adds"] or posting, counts
        case "entry.deleted":
            return posting, False
        case "entry.reverted":
            return state["posting"], not state["deleted"]
    raise ValueError(f"{topic} is not known here")


def fold(events):
    """The opening balance of a book, and the postings of its live entries."""
    opening, known = 0, {}
    for place, event in enumerate(events, start=1):
        if event["position"] != place:
            raise ValueError(f"journal {event['journal']}: position {place} is missing")
        if event["topic"] in {"book.opened", "book.amended"}:
            balance = event["state"]["opening_balance_minor"]
            opening = opening if balance is None else balance
        elif event["topic"].startswith("entry."):
            known[event["stream"]] = counted_after(event, known)
    return opening, [posting for posting, counts in known.values() if counts]


def summed(book, opening, postings):
    sums, totals = defaultdict(int), defaultdict(lambda: {"income": 0, "expense": 0, "count": 0})
    for posting in postings:
        kind, amount = posting["kind"], posting["amount_minor"]
        sums[kind] += amount
        sums["balance"] += SIGNS[kind] * amount
        if kind in {"income", "expense"}:
            group = totals[posting["occurred_on"][:7], posting["category_id"] or ""]
            group[kind] += amount
            group["count"] += 1
    return {
        "book": book,
        "income": sums["income"],
        "expense": sums["expense"],
        "transferred": sums["transfer_in"] - sums["transfer_out"],
        "entry_count": len(postings),
        "balance": opening + sums["balance"],
        "totals": [
            {"month": month, "category": category or None, **group}
            for (month, category), group in sorted(totals.items())
        ],
    }


def main():
    for journal, told in groupby(events_of(sys.stdin), key=lambda event: event["journal"]):
        first = next(told)
        if first["topic"] == "book.opened":
            events = (event for part in ([first], told) for event in part)
            sys.stdout.write(json.dumps(summed(journal, *fold(events))) + "\n")


if __name__ == "__main__":
    main()
