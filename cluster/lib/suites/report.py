"""What one suite found: checks that passed, checks that failed with the reason, and skips."""


class Missing(Exception):
    """A tool that the suite needs is not on this machine."""


class NotServed(Exception):
    """The gateway serves nothing of what the suite tries. It counts as a failure."""


class Report:
    """Checks of one suite in the order they were made."""

    def __init__(self, name, verbose=False):
        self.name, self.verbose = name, verbose
        self.passed, self.failures, self.notes = 0, [], []

    def check(self, good, what, found=""):
        """Counts one check; says at once what failed."""
        if good:
            self.passed += 1
            if self.verbose:
                print(f"  ok      {what}", flush=True)
        else:
            self.failures.append((what, str(found)))
            print(f"  FAILED  {what}: {found}", flush=True)
        return good

    def equal(self, found, expected, what):
        return self.check(found == expected, what,
                          f"expected {short(expected)}, found {short(found)}")

    def note(self, text):
        self.notes.append(text)
        print(f"  note    {text}", flush=True)


def short(value, limit=300):
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"
