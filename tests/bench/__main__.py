"""`make bench`: run the benchmarks named, or all of them, and write their figures beside them.

Each measures in ratios between what ran side by side on one machine: absolute figures are the machine's own.
"""

import importlib
import json
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

import psutil

BENCHMARKS = ("end_to_end", "scale", "door", "freshness", "memory", "reading", "recomputing", "history")


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    return {
        "processor": _processor(),
        "cores": psutil.cpu_count(),
        "memory GB": round(psutil.virtual_memory().total / 1e9),
        "Python": platform.python_version(),
        "date": datetime.now(UTC).date().isoformat(),
    }


def _processor() -> str:
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    ]
    return names[0] if names else platform.processor()


def main(names: list[str]) -> None:
    """Run the benchmarks of these names; without names, all."""
    for name in names or BENCHMARKS:
        print(f"{name}:", flush=True)
        figures = importlib.import_module(f"tests.bench.{name}").measure()
        text = json.dumps({"machine": machine(), "figures": figures}, indent=1, ensure_ascii=False)
        Path(__file__).with_name(f"{name}.json").write_text(text + "\n", encoding="utf-8")
        print(text, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
