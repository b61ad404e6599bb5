"""Settings of the spike codes, compared on validation images only: where the defaults of RateCode and TTFSCode come from.

python benchmarks/code_settings.py [--data DIR] [--images 5000] > benchmarks/results/code-settings.md
"""

import argparse
from itertools import product

from snnsim import convert, datasets
from snnsim.ann import shipped
from snnsim.comparison.curves import Readout, early_exit, exit_thresholds
from snnsim.conversion import RateCode, TTFSCode

NETWORKS = ("784-64-10", "784-512-10", "784-256-10-pruned", "784-6c5s2-12c5s2-10", "784-1200-1200-10")
LEVELS = (0.975, 0.98, 0.985, 0.99)
SETTINGS = {
    "rate": [RateCode(steps=48, gain=g, headroom=h) for g, h in product((0.125, 0.25, 0.5, 0.75), (1.0, 2.0, 4.0))],
    "ttfs": [TTFSCode(window=w, headroom=h) for w, h in product((8, 16, 32), (1.0, 2.0))],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data")
    parser.add_argument("--images", type=int, default=5000)
    options = parser.parse_args()
    dataset = datasets.load("mnist", options.data, progress=False)
    images = dataset.validation.first(options.images)
    calibration = dataset.train.first(10_000).pixels
    print(
        f"Operations per image of the cheapest early exit that reaches each accuracy on {len(images)} validation images.\n"
    )
    print("| network | code | settings | accuracy at the end |", " | ".join(f"{level:.1%}" for level in LEVELS), "|")
    print("| --- | --- | --- | ---: |", " | ".join("---:" for _ in LEVELS), "|")
    for ann in shipped("mnist"):
        for code in SETTINGS if ann.name in NETWORKS else ():
            for settings in SETTINGS[code]:
                twin = convert(ann, code, calibration=calibration, settings=settings)
                readout = Readout.of(twin.run(images.pixels))
                points = early_exit(readout, images.labels, exit_thresholds(readout))
                final = float((readout.predictions[:, -1] == images.labels).mean())
                cheapest = [min((p["ops"] for p in points if p["accuracy"] >= level), default=None) for level in LEVELS]
                cells = [f"{ops:,.0f}" if ops else "never" for ops in cheapest]
                shown = f"gain {settings.gain}" if isinstance(settings, RateCode) else f"window {settings.window}"
                print(
                    f"| {ann.name} | {code} | {shown}, headroom {settings.headroom} | {final:.2%} |",
                    " | ".join(cells),
                    "|",
                )


if __name__ == "__main__":
    main()
