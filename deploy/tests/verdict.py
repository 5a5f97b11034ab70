"""What the rows of a run amount to, as its exit status."""
import re


def skips(rows, readme):
    """What was skipped beyond the parts in bold of the README's sentence on what this kind of machine cannot run."""
    named = re.search(r"cannot run, and so skips: (.*?)\.\n\n", readme, re.S)
    named = set(re.findall(r"\*\*([^*]+)\*\*", named[1])) if named else set()
    found = []
    for name, state, report, _ in rows:
        # A whole proof is skipped by the program that is missing, a part of one by its name.
        parts = [part for note in report.notes for part in re.findall(r"^SKIPPED: (\S+)|^SKIPPED ([^:]+):", note)]
        if state == "SKIPPED" and not parts:
            found.append(name)
        found += [f"{name}: {whole or part}" for whole, part in parts if (whole or part) not in named]
    return found


def status(rows, readme, is_strict):
    """1 when a proof failed, or where nothing may be skipped and something was; 77 when all were skipped."""
    states = {state for _, state, _, _ in rows}
    if "FAILED" in states or (is_strict and skips(rows, readme)):
        return 1
    return 0 if "passed" in states else 77
