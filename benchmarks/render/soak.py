"""The soak: what came of the requests, and what was held at rest."""

from __future__ import annotations

from benchmarks.record import read_result


def soak() -> str:
    """Outcomes by kind of request, and the server at rest after each round."""
    result = read_result("soak")
    settings = result.settings
    counted = [row for row in result.rows if row["part"] == "outcome"]
    rest = [row for row in result.rows if row["part"] == "idle"]
    outcomes = sorted({row["outcome"] for row in counted})
    found = {(row["kind"], row["outcome"]): row["requests"] for row in counted}
    lines = [f"| requests | {' | '.join(outcomes)} |", "|---" * (len(outcomes) + 1) + "|"]
    lines += [
        f"| {kind} | {' | '.join(str(found.get((kind, o), 0)) for o in outcomes)} |"
        for kind in sorted({row["kind"] for row in counted})
    ]
    held = ["| at rest after requests | API server, MiB | engine, MiB | descriptors | tasks |"]
    held += ["|---|---|---|---|---|"]
    held += [
        f"| {row['ended']} | {row['memory'] / 2**20:.0f} | {row['engine_memory'] / 2**20:.0f} "
        f"| {row['descriptors']} | {row['tasks']} |"
        for row in rest
    ]
    text = (
        f"{settings['concurrent']} clients at once for {settings['minutes']:g} minutes. "
        f"Findings: {'; '.join(settings['wrong']) or 'none'}. The API server's idle memory grew by "
        f"{settings['bytes_per_request']:.0f} bytes a request. {result.where()}."
    )
    return "\n\n".join(
        [text, "\n".join(lines), "\n".join(held), "![The soak](benchmarks/results/soak.png)"]
    )
