"""`python -m tests.bench.regression`: whether an event is clearly more work than at the last commit.

With changes that are not committed, the last commit is HEAD; else the one before it. A loss that is worth its
price says so in the message of its commit, in a line `More work: why`.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
CLEAR_LOSS = 1.10
_ACCEPTED = "More work:"
_MODULE = "tests.bench.work"


def main() -> int:
    """Print the work at both, side by side. Returns 1 when there is more of some than is accepted."""
    base = "HEAD" if _git("status", "--porcelain") else "HEAD^"
    if not _exists(base):
        print(f"regression: there is no {base} to compare with")
        return 0
    with tempfile.TemporaryDirectory(prefix="groenmeter-bench-") as name:
        tree = Path(name) / "before"
        _git("worktree", "add", "--detach", str(tree), base)
        try:
            if not (tree / "tests/bench/work.py").exists():
                print(f"regression: {base} does not count its work yet")
                return 0
            before, now = _work(tree), _work(ROOT)
        finally:
            _git("worktree", "remove", "--force", str(tree))
    return 1 if _compare(before, now) and not _accepted() else 0


def _compare(before: dict[str, float], now: dict[str, float]) -> bool:
    """Whether there is a clear loss."""
    lost = False
    for name in sorted(before.keys() | now.keys()):
        old, new = before.get(name), now.get(name)
        line = f"{name:50} {old or '-':>9} {new or '-':>9}"
        if old and new:
            line += f" {new / old:6.2f}"
            if new > CLEAR_LOSS * old:
                line += "  a clear loss"
                lost = True
        print(line)
    return lost


def _accepted() -> bool:
    reasons = [line for line in _git("log", "-1", "--format=%B").splitlines() if line.startswith(_ACCEPTED)]
    print(*reasons or [f"if it is worth that, say so in the commit: `{_ACCEPTED} why`"], sep="\n")
    return bool(reasons)


def _work(tree: Path) -> dict[str, float]:
    """The counts of a tree, by its own code."""
    environment = os.environ | {"PYTHONPATH": str(tree), "PYTHONHASHSEED": "0"}
    result = subprocess.run(
        [sys.executable, "-m", _MODULE],
        cwd=tree,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    counts: dict[str, float] = json.loads(result.stdout.splitlines()[-1])
    return counts


def _exists(commit: str) -> bool:
    command = ["git", "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}"]
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=False).returncode == 0


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout


if __name__ == "__main__":
    sys.exit(main())
