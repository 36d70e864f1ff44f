"""Reports the number and the places of findings before a text is published, without repeating them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from .findings import CHAT, IN_ADDRESS, PUBLISH_ANYWAY, SECRET, Finding

_PLURALS = {
    IN_ADDRESS: "passwords in addresses",
    SECRET: "passwords or keys",
    CHAT: "messages of exported chats",
}


def report(findings: Iterable[Finding], locate: Callable[[int], tuple[str, int]] | None = None, limit: int = 5) -> str:
    """Returns what a user must know before the text is published, in a few lines; "" without findings.

    Args:
        findings: read once; there may be millions.
        locate: returns (file, line in it) for a line of the text, as `Corpus.locate` does.
        limit: findings that are listed one by one.
    """
    counts: Counter[str] = Counter()
    first: list[Finding] = []
    for finding in findings:
        counts[finding.kind] += 1
        if len(first) < limit:
            first.append(finding)
    if not first:
        return ""
    parts = [f"{count:,} {kind if count == 1 else _plural(kind)}" for kind, count in counts.most_common()]
    listed = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    lines = [f"The text holds {listed}. A model can reproduce its training text, and then anyone could read this:"]
    for finding in first:
        file, line = locate(finding.line) if locate else ("", finding.line)
        place = f"{file}, line {line}" if file else f"line {line}"
        lines.append(f"  {place}, column {finding.column}: {finding.kind} {finding.excerpt}")
    if more := sum(counts.values()) - len(first):
        lines.append(f"  and {more:,} more")
    lines.append(f"Remove it from the text, publish with --private, or publish it with {PUBLISH_ANYWAY}.")
    return "\n".join(lines)


def _plural(kind: str) -> str:
    return _PLURALS.get(kind) or (f"{kind}es" if kind.endswith("s") else f"{kind}s")
