"""run_class.py MODULE.CLASS: runs the tests of one class and prints a line "@result {json}" for each, and for a class
that cannot be set up or taken down."""

import json
import sys
import time
import unittest


class Result(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.start = time.monotonic()

    def startTest(self, test):
        super().startTest(test)
        self.start = time.monotonic()

    def report(self, test, ok, output=""):
        name = test.id().replace("__main__.", "")
        print("@result " + json.dumps({"name": name, "ok": ok, "output": output,
                                       "seconds": time.monotonic() - self.start}), flush=True)

    def addSuccess(self, test):
        self.report(test, True)

    def addFailure(self, test, err):
        self.report(test, False, self._exc_info_to_string(err, test))

    addError = addFailure

    def addSkip(self, test, reason):
        # Everything that a test needs is installed before, so a skipped test is a hole.
        self.report(test, False, f"skipped: {reason}")

    def addSubTest(self, test, subtest, err):
        if err is not None:
            self.report(subtest, False, self._exc_info_to_string(err, test))
        super().addSubTest(test, subtest, None)


def main():
    suite = unittest.defaultTestLoader.loadTestsFromName(sys.argv[1])
    suite.run(Result())


if __name__ == "__main__":
    main()
